using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>The sums of local polynomials over pairs, two registers of keys at a time.</summary>
internal static unsafe class PolynomialLoops<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private static int Block => 2 * TLanes.Count;

    /// <summary>How many numbers the loops need: a register for each sum, and those that a block of keys is computed in.</summary>
    public static int BufferLength(PolynomialLayout layout) =>
        (layout.Length * TLanes.Count) + ((layout.Features + layout.Powers.Count) * Block);

    /// <summary>Adds a tile to the registers of sums at the beginning of the buffer.</summary>
    /// <param name="tile">Keys and values; they are read up to two registers past the end.</param>
    /// <param name="layout">What to sum.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="inverse">1/h (d).</param>
    /// <param name="offset">What the kernel's argument is raised by: weights of a Gaussian are 2^offset times as large.</param>
    /// <param name="buffer">The registers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(in Tile<double> tile, PolynomialLayout layout, double* query, double* inverse, double offset, double* buffer)
    {
        int features = layout.Features;
        double* positions = buffer + (layout.Length * TLanes.Count);
        double* powers = positions + (features * Block);
        for (int i = 0; i < tile.Count; i += Block)
        {
            TLanes argument = Argument(tile, i, features, query, inverse, offset, positions);
            TLanes nextArgument = Argument(tile, i + TLanes.Count, features, query, inverse, offset, positions + TLanes.Count);
            TLanes weight = TKernel.Weight<TLanes, double>(argument).KeepFirst(tile.Count - i);
            TLanes nextWeight = TKernel.Weight<TLanes, double>(nextArgument).KeepFirst(tile.Count - i - TLanes.Count);
            TLanes sampleWeight = tile.SampleWeights is null ? TLanes.All(1) : TLanes.Load(tile.SampleWeights + i);
            TLanes nextSampleWeight = tile.SampleWeights is null ? TLanes.All(1) : TLanes.Load(tile.SampleWeights + i + TLanes.Count);
            FillPowers(layout, weight, nextWeight, layout.WeightTerms, positions, powers);
            AddTo(buffer, layout.WeightTerms, powers, sampleWeight, nextSampleWeight);
            AddValues(layout, tile, i, buffer + (layout.Values * TLanes.Count), layout.ValueTerms, powers);
            if (layout.SquareTerms > 0)
            {
                AddTo(
                    buffer + (layout.Squares * TLanes.Count), layout.SquareTerms, powers, weight * sampleWeight,
                    nextWeight * nextSampleWeight);
            }

            if (layout.HasSlopeSums)
            {
                TLanes slope = TKernel.Slope<TLanes, double>(argument, weight).KeepFirst(tile.Count - i);
                TLanes nextSlope = TKernel.Slope<TLanes, double>(nextArgument, nextWeight).KeepFirst(tile.Count - i - TLanes.Count);
                FillPowers(layout, slope, nextSlope, layout.SlopeWeightTerms, positions, powers);
                AddTo(
                    buffer + (layout.SlopeWeights * TLanes.Count), layout.SlopeWeightTerms, powers, sampleWeight, nextSampleWeight);
                AddValues(layout, tile, i, buffer + (layout.SlopeValues * TLanes.Count), layout.SlopeValueTerms, powers);
            }
        }
    }

    /// <summary>Adds the sums over the lanes to a row.</summary>
    public static void Reduce(PolynomialLayout layout, double* buffer, Span<double> row)
    {
        for (int k = 0; k < layout.Length; k++)
        {
            row[k] += TLanes.Load(buffer + (k * TLanes.Count)).Sum();
        }
    }

    // The positions u of a register of keys, and what their kernel is asked for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Argument(
        in Tile<double> tile, int i, int features, double* query, double* inverse, double offset, double* positions)
    {
        TLanes square = TLanes.All(0);
        for (int j = 0; j < features; j++)
        {
            TLanes u = (TLanes.Load(tile.Keys + ((long)j * tile.Stride) + i) - TLanes.All(query[j])) * TLanes.All(inverse[j]);
            u.Store(positions + (j * Block));
            square = TLanes.MultiplyAdd(u, u, square);
        }

        // Nearest keys are not above 0 but for rounding.
        return KernelTraits<TKernel>.IsGaussian
            ? TLanes.Min(TLanes.MultiplyAdd(square, TLanes.All(TKernel.ArgumentScale), TLanes.All(offset)), TLanes.All(0))
            : square * TLanes.All(TKernel.ArgumentScale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FillPowers(
        PolynomialLayout layout, TLanes weight, TLanes nextWeight, int terms, double* positions, double* powers)
    {
        weight.Store(powers);
        nextWeight.Store(powers + TLanes.Count);
        int[] parents = layout.Powers.Parents;
        int[] factors = layout.Powers.Factors;
        for (int k = 1; k < terms; k++)
        {
            double* parent = powers + (parents[k] * Block);
            double* factor = positions + (factors[k] * Block);
            (TLanes.Load(parent) * TLanes.Load(factor)).Store(powers + (k * Block));
            (TLanes.Load(parent + TLanes.Count) * TLanes.Load(factor + TLanes.Count)).Store(powers + (k * Block) + TLanes.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo(double* sums, int terms, double* powers, TLanes factor, TLanes nextFactor)
    {
        for (int k = 0; k < terms; k++)
        {
            double* power = powers + (k * Block);
            TLanes sum = TLanes.MultiplyAdd(TLanes.Load(power), factor, TLanes.Load(sums + (k * TLanes.Count)));
            TLanes.MultiplyAdd(TLanes.Load(power + TLanes.Count), nextFactor, sum).Store(sums + (k * TLanes.Count));
        }
    }

    // Values are multiplied by sample weights already.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddValues(PolynomialLayout layout, in Tile<double> tile, int i, double* sums, int terms, double* powers)
    {
        for (int c = 0; c < layout.Columns; c++, sums += terms * TLanes.Count)
        {
            double* values = tile.Values + ((long)c * tile.Stride) + i;
            AddTo(sums, terms, powers, TLanes.Load(values), TLanes.Load(values + TLanes.Count));
        }
    }
}
