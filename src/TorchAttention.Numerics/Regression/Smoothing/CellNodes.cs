using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>
/// Places of one feature at which smooth functions are asked for, so as to be known at all of many keys: in a cell of many keys, no wider
/// than the bandwidth, Chebyshev's nodes, from which the polynomial through them says the rest to rounding; in a cell of few its keys.
/// </summary>
/// <remarks>
/// A fit by a Gaussian and the weight of one more example in it are analytic functions of the place. What their polynomial leaves out is
/// less than its last coefficients, which fall by orders from one to the next; where these are not next to nothing, as beside a gap, the
/// cell's keys are asked themselves.
/// </remarks>
internal sealed class CellNodes
{
    private const int Terms = 24;

    // With fewer keys in a cell, or in all by so many times, nodes save little.
    private const int FewestInCell = 3 * Terms;
    private const int TimesFewer = 4;

    // Keys that are evaluated together, a multiple of any two vectors, and at least so many that are one thread's.
    private const int Chunk = 256;
    private const int FewestInPart = 1 << 14;

    private static readonly double[] _nodes = Chebyshev.Nodes(Terms);
    private static readonly double[] _coefficients = Chebyshev.Coefficients(Terms, Terms);

    private readonly double[] _keys;
    private readonly List<Cell> _cells;
    private readonly List<int> _parts = [0];

    private CellNodes(double[] keys, List<Cell> cells, double[] queries)
    {
        _keys = keys;
        _cells = cells;
        Queries = queries;
        for (int i = 0; i < cells.Count; i++)
        {
            if (i == cells.Count - 1 || cells[i].End - cells[_parts[^1]].First >= FewestInPart)
            {
                _parts.Add(i + 1);
            }
        }
    }

    /// <summary>What is done with the answers at neighbouring keys.</summary>
    /// <param name="part">The part that they are in, which one thread goes through in order.</param>
    /// <param name="first">The first key.</param>
    /// <param name="count">How many.</param>
    /// <param name="answers">The answers at these, and at others.</param>
    /// <param name="place">The place of the first key among them.</param>
    public delegate void Visit(int part, int first, int count, FitAnswers answers, int place);

    /// <summary>The number of parts.</summary>
    public int Parts => _parts.Count - 1;

    /// <summary>Where to ask (q), ascending from cell to cell.</summary>
    public double[] Queries { get; }

    /// <summary>Nodes for a bandwidth; null where asking all keys is no dearer.</summary>
    /// <param name="keys">The keys (n), ascending.</param>
    /// <param name="h">The bandwidth.</param>
    public static CellNodes? Create(double[] keys, double h)
    {
        double most = (double)keys.Length / (TimesFewer * Terms);
        if (!((keys[^1] - keys[0]) / h < most))
        {
            return null;
        }

        var cells = new List<Cell>();
        int queries = 0;
        for (int first = 0; first < keys.Length;)
        {
            double edge = keys[0] + ((Math.Floor((keys[first] - keys[0]) / h) + 1) * h);
            int end = first + 1 + SortedNumbers.FirstNotBelow(keys.AsSpan(first + 1), edge);
            bool hasNodes = end - first >= FewestInCell && keys[end - 1] > keys[first];
            cells.Add(new Cell(first, end, queries, hasNodes));
            queries += hasNodes ? Terms : end - first;
            if (queries > keys.Length / TimesFewer)
            {
                return null;
            }

            first = end;
        }

        double[] asked = new double[queries];
        foreach (Cell cell in cells)
        {
            if (cell.HasNodes)
            {
                (double middle, double half) = cell.Of(keys);
                for (int i = 0; i < Terms; i++)
                {
                    asked[cell.Query + i] = middle - (half * _nodes[i]);
                }
            }
            else
            {
                keys.AsSpan(cell.First, cell.End - cell.First).CopyTo(asked.AsSpan(cell.Query));
            }
        }

        return new CellNodes(keys, cells, asked);
    }

    /// <summary>The cells that a function is no polynomial in, beside what they have been said to be.</summary>
    /// <param name="atQueries">Its columns at <see cref="Queries"/> (q, v).</param>
    /// <param name="columns">v.</param>
    /// <param name="scale">What it is known to a part of; of each cell the largest that it is there where 0.</param>
    /// <param name="known">That part.</param>
    /// <param name="isRough">Of each cell whether its keys are to be asked; set where they are.</param>
    public void LookAt(double[] atQueries, int columns, double scale, double known, bool[] isRough)
    {
        Span<double> polynomial = stackalloc double[Terms];
        for (int i = 0; i < _cells.Count; i++)
        {
            for (int c = 0; c < columns && atQueries.Length > 0 && _cells[i].HasNodes && !isRough[i]; c++)
            {
                double largest = Fit(_cells[i], atQueries, columns, c, polynomial);
                isRough[i] = !(Math.Abs(polynomial[^1]) + Math.Abs(polynomial[^2]) <= known * Math.Max(scale, largest));
            }
        }
    }

    /// <summary>No cell is rough yet.</summary>
    public bool[] NoneRough() => new bool[_cells.Count];

    /// <summary>The places of the keys in rough cells.</summary>
    public int[] KeysIn(bool[] isRough) =>
        [.. _cells.Where((_, i) => isRough[i]).SelectMany(cell => Enumerable.Range(cell.First, cell.End - cell.First))];

    /// <summary>Shows what is known at <see cref="Queries"/> at all keys.</summary>
    /// <param name="atQueries">What is known there.</param>
    /// <param name="isRough">Of each cell whether it is rough.</param>
    /// <param name="atRough">What is known at the <see cref="KeysIn">keys of rough cells</see>.</param>
    /// <param name="forEach">Runs parts of it.</param>
    /// <param name="visit">To whom.</param>
    public void ForEach(FitAnswers atQueries, bool[] isRough, FitAnswers atRough, Action<int, Action<int>> forEach, Visit visit)
    {
        int[] roughBefore = new int[_cells.Count];
        for (int i = 1; i < roughBefore.Length; i++)
        {
            roughBefore[i] = roughBefore[i - 1] + (isRough[i - 1] ? _cells[i - 1].End - _cells[i - 1].First : 0);
        }

        forEach(Parts, part =>
        {
            FitAnswers chunk = atQueries.For(Chunk);
            for (int i = _parts[part]; i < _parts[part + 1]; i++)
            {
                Cell cell = _cells[i];
                if (isRough[i])
                {
                    visit(part, cell.First, cell.End - cell.First, atRough, roughBefore[i]);
                }
                else if (!cell.HasNodes)
                {
                    visit(part, cell.First, cell.End - cell.First, atQueries, cell.Query);
                }
                else
                {
                    ForEach(part, cell, atQueries, chunk, visit);
                }
            }
        });
    }

    private unsafe void ForEach(int part, in Cell cell, FitAnswers atQueries, FitAnswers chunk, Visit visit)
    {
        (double[] Numbers, int InRow)[] known = [.. atQueries.All.Where(one => one.Numbers.Length > 0)];
        (double[] Numbers, int InRow)[] shown = [.. chunk.All.Where(one => one.Numbers.Length > 0)];
        double[] polynomials = new double[known.Sum(one => one.InRow) * Terms];
        int next = 0;
        foreach ((double[] numbers, int inRow) in known)
        {
            for (int c = 0; c < inRow; c++)
            {
                Fit(cell, numbers, inRow, c, polynomials.AsSpan(next, Terms));
                next += Terms;
            }
        }

        double* places = stackalloc double[Chunk];
        double* column = stackalloc double[Chunk];
        new Span<double>(places, Chunk).Clear();
        (double middle, double half) = cell.Of(_keys);
        double scale = 1 / half;
        fixed (double* polynomial = polynomials)
        {
            for (int first = cell.First; first < cell.End; first += Chunk)
            {
                int count = Math.Min(Chunk, cell.End - first);
                for (int i = 0; i < count; i++)
                {
                    places[i] = (_keys[first + i] - middle) * scale;
                }

                next = 0;
                foreach ((double[] numbers, int inRow) in shown)
                {
                    for (int c = 0; c < inRow; c++)
                    {
                        Evaluate(polynomial + next, places, column);
                        next += Terms;
                        for (int i = 0; i < count; i++)
                        {
                            numbers[(i * inRow) + c] = column[i];
                        }
                    }
                }

                visit(part, first, count, chunk, 0);
            }
        }
    }

    private static unsafe void Evaluate(double* polynomial, double* places, double* numbers)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Evaluate<Lanes512<double>>(polynomial, places, numbers);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Evaluate<Lanes256<double>>(polynomial, places, numbers);
        }
        else
        {
            Evaluate<Lanes128<double>>(polynomial, places, numbers);
        }
    }

    // sum_k c_k T_k(t), by Clenshaw's recurrence.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Evaluate<TLanes>(double* polynomial, double* places, double* numbers)
        where TLanes : struct, ILanes<TLanes, double>
    {
        for (int i = 0; i < Chunk; i += 2 * TLanes.Count)
        {
            TLanes t = TLanes.Load(places + i);
            TLanes u = TLanes.Load(places + i + TLanes.Count);
            (TLanes twice, TLanes twiceU) = (t + t, u + u);
            (TLanes last, TLanes before) = (TLanes.All(polynomial[Terms - 1]), TLanes.All(0));
            (TLanes lastU, TLanes beforeU) = (last, before);
            for (int k = Terms - 2; k > 0; k--)
            {
                var coefficient = TLanes.All(polynomial[k]);
                (last, before) = (TLanes.MultiplyAdd(twice, last, coefficient - before), last);
                (lastU, beforeU) = (TLanes.MultiplyAdd(twiceU, lastU, coefficient - beforeU), lastU);
            }

            var first = TLanes.All(polynomial[0]);
            TLanes.MultiplyAdd(t, last, first - before).Store(numbers + i);
            TLanes.MultiplyAdd(u, lastU, first - beforeU).Store(numbers + i + TLanes.Count);
        }
    }

    // The polynomial through the nodes, whose order the cell's is turned round from; returns the largest number there.
    private static double Fit(in Cell cell, double[] atQueries, int columns, int column, Span<double> polynomial)
    {
        Span<double> atNodes = stackalloc double[Terms];
        double largest = 0;
        for (int i = 0; i < Terms; i++)
        {
            atNodes[Terms - 1 - i] = atQueries[((cell.Query + i) * columns) + column];
            largest = Math.Max(largest, Math.Abs(atNodes[Terms - 1 - i]));
        }

        Chebyshev.Combine(atNodes, _coefficients, polynomial);
        return largest;
    }

    /// <summary>Keys that are known by nodes, or asked themselves.</summary>
    /// <param name="First">The first key.</param>
    /// <param name="End">One more than the last.</param>
    /// <param name="Query">The first of its queries.</param>
    /// <param name="HasNodes">Whether it has nodes.</param>
    private readonly record struct Cell(int First, int End, int Query, bool HasNodes)
    {
        public (double Middle, double Half) Of(double[] keys) =>
            ((keys[First] + keys[End - 1]) / 2, (keys[End - 1] - keys[First]) / 2);
    }
}
