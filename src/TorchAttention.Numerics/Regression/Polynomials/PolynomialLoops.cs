using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>The sums of local polynomials over pairs, a register of keys at a time.</summary>
internal static unsafe class PolynomialLoops<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    /// <summary>How many numbers the loops need: a register for each sum, and those that a block of keys is computed in.</summary>
    public static int BufferLength(PolynomialLayout layout) =>
        (layout.Length + layout.Features + layout.Powers.Count) * TLanes.Count;

    /// <summary>Adds a tile to the registers of sums at the beginning of the buffer.</summary>
    /// <param name="tile">Keys and values.</param>
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
        double* powers = positions + (features * TLanes.Count);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes square = TLanes.All(0);
            for (int j = 0; j < features; j++)
            {
                TLanes u = (TLanes.Load(tile.Keys + ((long)j * tile.Stride) + i) - TLanes.All(query[j])) * TLanes.All(inverse[j]);
                u.Store(positions + (j * TLanes.Count));
                square = TLanes.MultiplyAdd(u, u, square);
            }

            // Nearest keys are not above 0 but for rounding.
            TLanes argument = KernelTraits<TKernel>.IsGaussian
                ? TLanes.Min(TLanes.MultiplyAdd(square, TLanes.All(TKernel.ArgumentScale), TLanes.All(offset)), TLanes.All(0))
                : square * TLanes.All(TKernel.ArgumentScale);
            TLanes weight = TKernel.Weight<TLanes, double>(argument).KeepFirst(tile.Count - i);
            TLanes sampleWeight = tile.SampleWeights is null ? TLanes.All(1) : TLanes.Load(tile.SampleWeights + i);
            AddPowers(
                layout, tile, i, weight, sampleWeight, buffer, layout.WeightTerms, buffer + (layout.Values * TLanes.Count),
                layout.ValueTerms, positions, powers);
            if (layout.SquareTerms > 0)
            {
                TLanes squared = weight * sampleWeight * sampleWeight;
                double* sums = buffer + (layout.Squares * TLanes.Count);
                for (int k = 0; k < layout.SquareTerms * TLanes.Count; k += TLanes.Count)
                {
                    TLanes.MultiplyAdd(TLanes.Load(powers + k), squared, TLanes.Load(sums + k)).Store(sums + k);
                }
            }

            if (layout.HasSlopeSums)
            {
                TLanes slope = TKernel.Slope<TLanes, double>(argument, weight).KeepFirst(tile.Count - i);
                AddPowers(
                    layout, tile, i, slope, sampleWeight, buffer + (layout.SlopeWeights * TLanes.Count), layout.SlopeWeightTerms,
                    buffer + (layout.SlopeValues * TLanes.Count), layout.SlopeValueTerms, positions, powers);
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

    // Values are multiplied by sample weights already.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPowers(
        PolynomialLayout layout, in Tile<double> tile, int i, TLanes weight, TLanes sampleWeight, double* weightSums, int weightTerms,
        double* valueSums, int valueTerms, double* positions, double* powers)
    {
        weight.Store(powers);
        TLanes.MultiplyAdd(weight, sampleWeight, TLanes.Load(weightSums)).Store(weightSums);
        int[] parents = layout.Powers.Parents;
        int[] factors = layout.Powers.Factors;
        for (int k = 1; k < weightTerms; k++)
        {
            TLanes power = TLanes.Load(powers + (parents[k] * TLanes.Count)) * TLanes.Load(positions + (factors[k] * TLanes.Count));
            power.Store(powers + (k * TLanes.Count));
            double* sum = weightSums + (k * TLanes.Count);
            TLanes.MultiplyAdd(power, sampleWeight, TLanes.Load(sum)).Store(sum);
        }

        for (int c = 0; c < layout.Columns; c++, valueSums += valueTerms * TLanes.Count)
        {
            TLanes value = TLanes.Load(tile.Values + ((long)c * tile.Stride) + i);
            for (int k = 0; k < valueTerms * TLanes.Count; k += TLanes.Count)
            {
                TLanes.MultiplyAdd(TLanes.Load(powers + k), value, TLanes.Load(valueSums + k)).Store(valueSums + k);
            }
        }
    }
}
