using System.Buffers;
using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// Examples of one feature as an even grid sees them: a bandwidth's sums at all points are one convolution, and the squares of the examples
/// about a curve that is linear between points follow from the points alone. What a criterion is estimated by.
/// </summary>
/// <remarks>
/// Each example is shared out to the two points beside it (J. Fan and J. S. Marron, 1994), which widens the kernel by the variance D^2 / 6
/// of a hat, for a distance D of the points; a narrower bandwidth makes up for it: h'^2 = h^2 - D^2 / (6 mu_2). Time points x (points in
/// reach) for each bandwidth, whatever the number of examples.
/// </remarks>
internal sealed partial class LineGrid
{
    // A Gaussian's weight beyond is a millionth.
    private const double GaussianReach = 5.3;

    // Below this part of an example's own weight the others are few and far, and the nearest of them speaks for them all.
    private const double LeastOthers = 0.05;

    // A kernel with an end is averaged over the interval around each point, or a bandwidth would seem to end at one.
    private const int PlacesInInterval = 8;
    private const double HatVariance = 1.0 / 6;
    private const double IntervalVariance = 1.0 / 12;

    // Loops over vectors may go so far past the end.
    private const int Padding = 16;

    private readonly int _points;
    private readonly double _spacing;
    private readonly HatProducts _weights;
    private readonly HatProducts[] _values;
    private readonly HatProducts _squares;
    private readonly double[] _counts;
    private readonly double[] _weightSums;
    private readonly double[][] _valueSums;

    private LineGrid(
        int points,
        double spacing,
        double totalWeight,
        int examples,
        HatProducts weights,
        HatProducts[] values,
        HatProducts squares,
        HatProducts? counts)
    {
        _points = points;
        _spacing = spacing;
        TotalWeight = totalWeight;
        Examples = examples;
        _weights = weights;
        _values = values;
        _squares = squares;
        Counts = counts;
        _weightSums = Sums(weights);
        _valueSums = [.. values.Select(Sums)];
        _counts = counts is null ? _weightSums : Sums(counts);
    }

    public double TotalWeight { get; }

    public int Examples { get; }

    private HatProducts? Counts { get; }

    /// <summary>Examples on a grid from the least key to the largest.</summary>
    /// <param name="data">The examples, one at each place.</param>
    /// <param name="cells">The number of intervals, a power of 2.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static LineGrid Bin(SmootherData data, int cells)
    {
        int columns = data.Columns;
        double least = data.Keys[0];
        double spacing = (data.Keys[^1] - least) / cells;
        var weights = new HatProducts(cells + 1);
        var squares = new HatProducts(cells + 1);
        HatProducts[] values = [.. Enumerable.Range(0, columns).Select(_ => new HatProducts(cells + 1))];
        HatProducts? counts = data.Weights.Length == 0 ? null : new HatProducts(cells + 1);
        double[] means = Means(data);
        for (int i = 0; i < data.Count; i++)
        {
            double place = (data.Keys[i] - least) / spacing;
            int point = Math.Min((int)place, cells - 1);
            double part = place - point;
            double weight = data.WeightAt(i);
            weights.Add(point, part, weight);
            counts?.Add(point, part, 1);
            double ofSquares = 0;
            for (int c = 0; c < columns; c++)
            {
                double value = data.Values[(i * columns) + c] - means[c];
                values[c].Add(point, part, weight * value);
                ofSquares += value * value;
            }

            squares.Add(point, part, weight * ofSquares);
        }

        return new LineGrid(cells + 1, spacing, data.TotalWeight, data.Examples, weights, values, squares, counts);
    }

    /// <summary>The same examples on every second point.</summary>
    public LineGrid Coarser() => new(
        (_points + 1) / 2,
        2 * _spacing,
        TotalWeight,
        Examples,
        _weights.Coarser(),
        Array.ConvertAll(_values, products => products.Coarser()),
        _squares.Coarser(),
        Counts?.Coarser());

    /// <summary>Fits, and sums the squares of the residuals and the leverages.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="degree">The degree.</param>
    /// <param name="ridge">The ridge; 0 for none.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="leaveOut">Whether each example is judged by the others alone.</param>
    /// <returns>The weighted sum of squares of all columns, and tr H.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public (double Squares, double Trace) At(SmoothingKernel kernel, int degree, double ridge, double h, bool leaveOut)
    {
        using var rented = new Rented();
        double[] table = Table(kernel, h);
        double[] weights = Convolved(_weightSums, table, 0, rented);
        bool isPolynomial = LocalPolynomials.Covers(degree, ridge);
        (double[] ownWeights, double[][] fitted) = isPolynomial ? Polynomials(table, h / _spacing, degree, ridge, rented) : ([], []);
        double[] positions = degree == 0 || isPolynomial ? [] : Convolved(_weightSums, table, 1, rented);
        double[] products = degree == 0 || isPolynomial ? [] : Convolved(_weightSums, table, 2, rented);

        // A pair's own weight as two hats see it, on average over where between them the example stands.
        double own = table.Length == 1 ? table[0] : ((2 * table[0]) + table[1]) / 3;
        double[] factors = rented.Take(_points);
        bool[] isAlone = new bool[_points];
        double trace = 0;
        for (int g = 0; g < _points; g++)
        {
            if (_counts[g] == 0)
            {
                continue;
            }

            double ownWeight = own * _weightSums[g] / _counts[g];
            double leverage = isPolynomial ? ownWeight * ownWeights[g] : ownWeight / weights[g];
            if (degree == 1 && !isPolynomial && IsPlane(g, weights, positions, products))
            {
                leverage *= weights[g] * products[g] / ((weights[g] * products[g]) - (positions[g] * positions[g]));
            }

            leverage = weights[g] > 0 ? Math.Min(1, leverage) : 0;
            trace += _counts[g] * leverage;
            isAlone[g] = leaveOut && (!(weights[g] > 0) || 1 - leverage < LeastOthers * leverage);
            factors[g] = leaveOut && !isAlone[g] ? 1 / (1 - leverage) : 1;
        }

        double squares = _squares.Sum(factors, factors);
        double[] heights = rented.Take(_points);
        for (int c = 0; c < _values.Length; c++)
        {
            double[] values = isPolynomial ? fitted[c] : Convolved(_valueSums[c], table, 0, rented);
            double[] slopes = degree == 0 || isPolynomial ? [] : Convolved(_valueSums[c], table, 1, rented);
            for (int g = 0; g < _points; g++)
            {
                double height = _counts[g] == 0 ? 0
                    : isAlone[g] ? Nearest(g, _valueSums[c])
                    : isPolynomial ? values[g]
                    : degree == 1 && IsPlane(g, weights, positions, products)
                        ? ((products[g] * values[g]) - (positions[g] * slopes[g]))
                            / ((weights[g] * products[g]) - (positions[g] * positions[g]))
                    : weights[g] > 0 ? values[g] / weights[g] : 0;
                heights[g] = factors[g] * height;
            }

            squares += _weights.Sum(heights, heights) - (2 * _values[c].Sum(factors, heights));
        }

        return (squares, trace);
    }

    private static double[] Means(SmootherData data)
    {
        double[] means = new double[data.Columns];
        for (int c = 0; c < means.Length; c++)
        {
            for (int i = c; i < data.Values.Length; i += means.Length)
            {
                means[c] += data.Values[i] / data.Count;
            }
        }

        return means;
    }

    private static bool IsPlane(int g, double[] weights, double[] positions, double[] products) =>
        (weights[g] * products[g]) - (positions[g] * positions[g]) > 1e-9 * weights[g] * products[g];

    // The kernel's weights at whole distances, from 0 up to its reach.
    private double[] Table(SmoothingKernel kernel, double h)
    {
        bool isBounded = double.IsFinite(kernel.Support);
        double inSpacings = h / _spacing;
        double variance = (HatVariance + (isBounded ? IntervalVariance : 0)) / kernel.SecondMoment;
        double narrowed = Math.Sqrt(Math.Max((inSpacings * inSpacings) - variance, inSpacings * inSpacings / 2));
        double reach = isBounded ? (narrowed * kernel.Support) + 0.5 : narrowed * GaussianReach;
        double[] table = new double[(int)Math.Min(_points, Math.Ceiling(reach) + 1)];
        for (int j = 0; j < table.Length; j++)
        {
            table[j] = isBounded ? Average(j) : kernel.Weight(j / narrowed * (j / narrowed));
        }

        return table;

        double Average(int j)
        {
            double sum = 0;
            for (int k = 0; k < PlacesInInterval; k++)
            {
                double u = (j - 0.5 + ((k + 0.5) / PlacesInInterval)) / narrowed;
                sum += kernel.Weight(u * u);
            }

            return sum / PlacesInInterval;
        }
    }

    // The mean value of the nearest points that an example not on this point or beside it has a share of.
    private double Nearest(int g, double[] sums)
    {
        for (int distance = 2; distance < _points; distance++)
        {
            double weight = 0;
            double sum = 0;
            foreach (int at in (ReadOnlySpan<int>)[g - distance, g + distance])
            {
                if (at >= 0 && at < _points)
                {
                    weight += _weightSums[at];
                    sum += sums[at];
                }
            }

            if (weight > 0)
            {
                return sum / weight;
            }
        }

        return 0;
    }

    private double[] Sums(HatProducts products)
    {
        double[] sums = new double[_points];
        products.Sums(sums);
        return sums;
    }

    // sum_k K(k - g) (k - g)^power sums_k at each point g.
    private unsafe double[] Convolved(double[] sums, double[] table, int power, Rented rented)
    {
        int reach = table.Length - 1;
        double[] padded = rented.Take(reach + _points + reach + Padding);
        sums.CopyTo(padded, reach);
        double[] weights = power == 0 ? table : [.. table.Select((weight, j) => weight * Math.Pow(j, power))];
        double[] convolved = rented.Take(_points + Padding);
        fixed (double* source = padded, factors = weights, destination = convolved)
        {
            if (Vector512.IsHardwareAccelerated)
            {
                Convolve<Lanes512<double>>(source + reach, factors, reach, _points, power % 2 == 1, destination);
            }
            else
            {
                Convolve<Lanes256<double>>(source + reach, factors, reach, _points, power % 2 == 1, destination);
            }
        }

        return convolved;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Convolve<TLanes>(double* source, double* factors, int reach, int points, bool isOdd, double* destination)
        where TLanes : struct, ILanes<TLanes, double>
    {
        for (int g = 0; g < points; g += 2 * TLanes.Count)
        {
            double* here = source + g;
            double* beside = here + TLanes.Count;
            TLanes first = TLanes.All(factors[0]) * TLanes.Load(here);
            TLanes second = TLanes.All(factors[0]) * TLanes.Load(beside);
            for (int j = 1; j <= reach; j++)
            {
                TLanes factor = TLanes.All(factors[j]);
                TLanes before = TLanes.Load(here - j);
                TLanes beforeBeside = TLanes.Load(beside - j);
                first = TLanes.MultiplyAdd(factor, isOdd ? TLanes.Load(here + j) - before : TLanes.Load(here + j) + before, first);
                second = TLanes.MultiplyAdd(
                    factor, isOdd ? TLanes.Load(beside + j) - beforeBeside : TLanes.Load(beside + j) + beforeBeside, second);
            }

            first.Store(destination + g);
            second.Store(destination + g + TLanes.Count);
        }
    }

    /// <summary>Arrays of zeros, some longer than asked for, that the next estimate has again.</summary>
    private sealed class Rented : IDisposable
    {
        private readonly List<double[]> _taken = [];

        public double[] Take(int length)
        {
            double[] taken = ArrayPool<double>.Shared.Rent(length);
            taken.AsSpan(0, length).Clear();
            _taken.Add(taken);
            return taken;
        }

        public void Dispose() => _taken.ForEach(taken => ArrayPool<double>.Shared.Return(taken));
    }
}
