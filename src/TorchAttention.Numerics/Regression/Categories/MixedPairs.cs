using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// The sums over each combination of levels at every example, without itself, pair by pair: a key at a time for many queries side by side,
/// so that a combination of few examples costs no more for a pair than one of many.
/// </summary>
/// <param name="data">The examples.</param>
/// <param name="settings">How they are weighed; lambdas are not looked at.</param>
/// <param name="layout">Where each sum stands, with one column of values and no squares.</param>
/// <param name="write">Told a combination, its first query, how many there are, and each sum of <see cref="Queries"/> queries.</param>
/// <param name="cancellationToken">Stops the work.</param>
internal sealed unsafe class MixedPairs(
    MixedData data, MixedSettings settings, PolynomialLayout layout, MixedPairs.Write write, CancellationToken cancellationToken)
    : IKernelCall<bool>
{
    /// <summary>How many queries stand side by side.</summary>
    public const int Queries = 16;

    private readonly double[] _keys = data.Numbers.Keys;
    private readonly double[] _values = data.Numbers.Values;
    private readonly double[] _inverses = [.. settings.Bandwidths.Select(h => 1 / h)];

    // Of two features the term of each x^i y^j, by i and then by j.
    private readonly int[] _termsInPlane = layout.Features != 2 ? [] : [.. Enumerable.Range(0, layout.Powers.Count)
        .OrderBy(k => layout.Powers.Exponent(k, 0)).ThenBy(k => layout.Powers.Exponent(k, 1))];

    /// <summary>Takes the sums over a combination.</summary>
    /// <param name="combination">The combination.</param>
    /// <param name="first">The first query.</param>
    /// <param name="count">How many queries there are.</param>
    /// <param name="sums">Each sum of all queries that stand side by side.</param>
    public delegate void Write(int combination, int first, int count, ReadOnlySpan<double> sums);

    /// <summary>Sums all pairs.</summary>
    public void Sum() => settings.Kernel.Call<MixedPairs, bool>(this);

    bool IKernelCall<bool>.Run<TKernel>() => new PoolingOptions().Bits switch
    {
        512 => Run<TKernel, Lanes512<double>>(),
        256 => Run<TKernel, Lanes256<double>>(),
        _ => Run<TKernel, Lanes128<double>>(),
    };

    private bool Run<TKernel, TLanes>()
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        int n = data.Numbers.Count;
        int threads = Math.Min(settings.Threads ?? Environment.ProcessorCount, Environment.ProcessorCount);
        int numbers = (layout.Length + Math.Max(6, layout.WeightTerms + layout.Features) + layout.Features) * Queries;
        new Work(threads, null, cancellationToken).ForEach(
            (n + Queries - 1) / Queries,
            () => new Scratch(numbers * sizeof(double)),
            (part, memory) => Sum<TKernel, TLanes>(part * Queries, Math.Min(Queries, n - (part * Queries)), memory.As<double>()));
        return true;
    }

    private void Sum<TKernel, TLanes>(int first, int count, double* sums)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        int d = layout.Features;
        double* queries = sums + ((layout.Length + Math.Max(6, layout.WeightTerms + d)) * Queries);
        for (int at = 0; at < Queries * d; at++)
        {
            queries[at] = _keys[((first + Math.Min(at % Queries, count - 1)) * d) + (at / Queries)];
        }

        for (int k = 0; k < data.Combinations; k++)
        {
            var all = new Span<double>(sums, layout.Length * Queries);
            all.Clear();
            int[] places = data.PlacesOf(k);
            for (int i = 0; i < places.Length; i += d == 2 ? 2 : 1)
            {
                if (d == 2)
                {
                    AddTwo<TKernel, TLanes>(places.AsSpan(i, Math.Min(2, places.Length - i)), first, sums, queries);
                }
                else
                {
                    Add<TKernel, TLanes>(places[i], first, sums, queries);
                }
            }

            write(k, first, count, all);
        }
    }

    // The positions of an example from all queries, and its weights at these; 0 at itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Weigh<TKernel, TLanes>(int place, int first, double* queries, double* positions, double* weights)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        int d = layout.Features;
        TLanes own = TLanes.All(data.Numbers.WeightAt(place));
        for (int q = 0; q < Queries; q += TLanes.Count)
        {
            TLanes square = TLanes.All(0);
            for (int j = 0; j < d; j++)
            {
                TLanes u = (TLanes.All(_keys[(place * d) + j]) - TLanes.Load(queries + (j * Queries) + q)) * TLanes.All(_inverses[j]);
                u.Store(positions + (j * Queries) + q);
                square = TLanes.MultiplyAdd(u, u, square);
            }

            (own * TKernel.Weight<TLanes, double>(square * TLanes.All(TKernel.ArgumentScale))).Store(weights + q);
        }

        if (place >= first && place < first + Queries)
        {
            weights[place - first] = 0;
        }
    }

    // Of two features the powers need not leave the registers, and two examples have their sums read and written once.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddTwo<TKernel, TLanes>(ReadOnlySpan<int> places, int first, double* sums, double* queries)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        double* weights = sums + (layout.Length * Queries);
        double* others = weights + Queries;
        double* positions = others + Queries;
        double* otherPositions = positions + (2 * Queries);
        Weigh<TKernel, TLanes>(places[0], first, queries, positions, weights);
        Weigh<TKernel, TLanes>(places[^1], first, queries, otherPositions, others);
        if (places.Length == 1)
        {
            new Span<double>(others, Queries).Clear();
        }

        TLanes value = TLanes.All(_values[places[0]]);
        TLanes other = TLanes.All(_values[places[^1]]);
        double* ofValues = sums + (layout.Values * Queries);
        int[] terms = _termsInPlane;
        for (int q = 0; q < Queries; q += TLanes.Count)
        {
            (TLanes row, TLanes otherRow) = (TLanes.Load(weights + q), TLanes.Load(others + q));
            (TLanes x, TLanes otherX) = (TLanes.Load(positions + q), TLanes.Load(otherPositions + q));
            (TLanes y, TLanes otherY) = (TLanes.Load(positions + Queries + q), TLanes.Load(otherPositions + Queries + q));
            int at = 0;
            for (int i = 0; i <= 2 * settings.Degree; i++)
            {
                (TLanes power, TLanes otherPower) = (row, otherRow);
                for (int j = 0; j <= (2 * settings.Degree) - i; j++)
                {
                    int term = (terms[at++] * Queries) + q;
                    (TLanes.Load(sums + term) + (power + otherPower)).Store(sums + term);
                    if (i + j <= settings.Degree)
                    {
                        TLanes sum = TLanes.MultiplyAdd(otherPower, other, TLanes.Load(ofValues + term));
                        TLanes.MultiplyAdd(power, value, sum).Store(ofValues + term);
                    }

                    (power, otherPower) = (power * y, otherPower * otherY);
                }

                (row, otherRow) = (row * x, otherRow * otherX);
            }
        }
    }

    // An example to the sums of all queries, but of that which it is itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add<TKernel, TLanes>(int place, int first, double* sums, double* queries)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        double* powers = sums + (layout.Length * Queries);
        double* positions = powers + (layout.WeightTerms * Queries);
        Weigh<TKernel, TLanes>(place, first, queries, positions, powers);
        for (int q = 0; q < Queries; q += TLanes.Count)
        {
            (TLanes.Load(sums + q) + TLanes.Load(powers + q)).Store(sums + q);
        }

        int[] parents = layout.Powers.Parents;
        int[] factors = layout.Powers.Factors;
        for (int t = 1; t < layout.WeightTerms; t++)
        {
            double* parent = powers + (parents[t] * Queries);
            double* factor = positions + (factors[t] * Queries);
            double* power = powers + (t * Queries);
            double* sum = sums + (t * Queries);
            for (int q = 0; q < Queries; q += TLanes.Count)
            {
                TLanes product = TLanes.Load(parent + q) * TLanes.Load(factor + q);
                product.Store(power + q);
                (TLanes.Load(sum + q) + product).Store(sum + q);
            }
        }

        TLanes value = TLanes.All(_values[place]);
        double* ofValues = sums + (layout.Values * Queries);
        for (int q = 0; q < layout.ValueTerms * Queries; q += TLanes.Count)
        {
            TLanes.MultiplyAdd(TLanes.Load(powers + q), value, TLanes.Load(ofValues + q)).Store(ofValues + q);
        }
    }
}
