using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchAttention.Numerics.Engine;

/// <summary>Checks a request before any work is done.</summary>
internal static class PoolingCheck
{
    public static void Options(PoolingOptions options)
    {
        if (!Enum.IsDefined(options.Method))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Method, "Expected one of the methods.");
        }

        if (!Enum.IsDefined(options.NoNeighbour))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.NoNeighbour, "Expected one of the policies.");
        }

        if (options.Degree is not (0 or 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Degree, "Expected the degree 0 or 1.");
        }

        if (!(options.Tolerance is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Tolerance, "Expected a tolerance between 0 and 1.");
        }

        if (!(options.MergedWeightSum >= 0 && double.IsFinite(options.MergedWeightSum)))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MergedWeightSum, "Expected a finite sum of weights of at least 0.");
        }

        if (options.Threads is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, "Expected at least 1 thread.");
        }

        if (options.VectorBits is not (null or 128 or 256 or 512))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.VectorBits, "Expected vectors of 128, 256 or 512 bits.");
        }
    }

    public static PoolingSizes Input<T>(PoolingInput<T> input)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int features = Features(input);
        int queries = Rows(input.Queries.Length, features, nameof(input.Queries));
        int keys = Rows(input.Keys.Length, features, nameof(input.Keys));
        if (keys == 0)
        {
            throw new ArgumentException("Expected at least one key, got none.", nameof(input));
        }

        if (input.Values.IsEmpty || input.Values.Length % keys != 0)
        {
            throw new ArgumentException($"Expected values (n, v) for {keys} keys, got {input.Values.Length} numbers.", nameof(input));
        }

        if (!input.SampleWeights.IsEmpty && input.SampleWeights.Length != keys)
        {
            throw new ArgumentException($"Expected a sample weight for each of {keys} keys, got {input.SampleWeights.Length}.", nameof(input));
        }

        if (!input.LeftOut.IsEmpty && input.LeftOut.Length != queries)
        {
            throw new ArgumentException($"Expected a left-out key for each of {queries} queries, got {input.LeftOut.Length}.", nameof(input));
        }

        Finite(input.Queries, features, nameof(input.Queries));
        Finite(input.Keys, features, nameof(input.Keys));
        Finite(input.Values, input.Values.Length / keys, nameof(input.Values));
        Finite(input.SampleWeights, 1, nameof(input.SampleWeights));
        for (int i = 0; i < input.SampleWeights.Length; i++)
        {
            if (input.SampleWeights[i] < T.Zero)
            {
                throw new ArgumentException($"Expected sample weights of at least 0, got {input.SampleWeights[i]} for key {i}.", nameof(input));
            }
        }

        for (int i = 0; i < input.LeftOut.Length; i++)
        {
            if (input.LeftOut[i] < -1 || input.LeftOut[i] >= keys)
            {
                throw new ArgumentException($"Expected the left-out key to be -1 or one of {keys}, got {input.LeftOut[i]} for query {i}.", nameof(input));
            }
        }

        return new PoolingSizes(queries, keys, features, input.Values.Length / keys);
    }

    public static void Output<T>(PoolingOutput<T> output, PoolingSizes sizes, int degree)
        where T : unmanaged
    {
        if (degree == 0 && !output.Slopes.IsEmpty)
        {
            throw new ArgumentException($"Expected no {nameof(output.Slopes)} with degree 0, got {output.Slopes.Length} numbers; {nameof(output.QueryGradient)} has the derivatives.", nameof(output));
        }

        if (degree == 0 && !output.IsLevel.IsEmpty)
        {
            throw new ArgumentException($"Expected no {nameof(output.IsLevel)} with degree 0, got {output.IsLevel.Length}: a mean has no directions.", nameof(output));
        }

        if (degree == 1 && !output.QueryGradient.IsEmpty)
        {
            throw new ArgumentException($"Expected no {nameof(output.QueryGradient)} with degree 1, got {output.QueryGradient.Length} numbers; {nameof(output.Slopes)} has the slopes of the planes.", nameof(output));
        }

        Length(output.Values.Length, (long)sizes.Queries * sizes.Columns, nameof(output.Values), isOptional: false);
        Length(output.LogWeightSum.Length, sizes.Queries, nameof(output.LogWeightSum));
        Length(output.EffectiveNeighbours.Length, sizes.Queries, nameof(output.EffectiveNeighbours));
        Length(output.OwnWeight.Length, sizes.Queries, nameof(output.OwnWeight));
        Length(output.IsLevel.Length, sizes.Queries, nameof(output.IsLevel));
        Length(output.HasNeighbour.Length, sizes.Queries, nameof(output.HasNeighbour));
        long gradients = (long)sizes.Queries * sizes.Columns * sizes.Features;
        Length(output.InverseBandwidthGradient.Length, gradients, nameof(output.InverseBandwidthGradient));
        Length(output.LogWeightSumGradient.Length, (long)sizes.Queries * sizes.Features, nameof(output.LogWeightSumGradient));
        Length(output.OwnWeightGradient.Length, (long)sizes.Queries * sizes.Features, nameof(output.OwnWeightGradient));
        Length(output.QueryGradient.Length, gradients, nameof(output.QueryGradient));
        Length(output.Slopes.Length, gradients, nameof(output.Slopes));
    }

    private static int Features<T>(PoolingInput<T> input)
        where T : unmanaged
    {
        if (input.Bandwidths.IsEmpty == input.InverseBandwidths.IsEmpty)
        {
            throw new ArgumentException(
                $"Expected either bandwidths or their inverses, one for each feature, got {(input.Bandwidths.IsEmpty ? "neither" : "both")}.", nameof(input));
        }

        for (int j = 0; j < input.Bandwidths.Length; j++)
        {
            double h = input.Bandwidths[j];
            if (!(h > 0 && double.IsFinite(h)))
            {
                throw new ArgumentException($"Expected positive, finite bandwidths, got {h} for feature {j}.", nameof(input));
            }
        }

        for (int j = 0; j < input.InverseBandwidths.Length; j++)
        {
            if (!double.IsFinite(input.InverseBandwidths[j]))
            {
                throw new ArgumentException($"Expected finite inverse bandwidths, got {input.InverseBandwidths[j]} for feature {j}.", nameof(input));
            }
        }

        return input.Bandwidths.Length + input.InverseBandwidths.Length;
    }

    private static int Rows(int numbers, int features, string name)
    {
        return numbers % features == 0
            ? numbers / features
            : throw new ArgumentException($"Expected {name} row by row, a multiple of {features} numbers for {features} bandwidths, got {numbers}.", name);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finite<T>(ReadOnlySpan<T> numbers, int columns, string name)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!T.IsFinite(numbers[i]))
            {
                (int row, int column) = Math.DivRem(i, columns);
                throw new ArgumentException($"Expected finite {name}, got {numbers[i]} in row {row}, column {column}.", name);
            }
        }
    }

    private static void Length(int actual, long expected, string name, bool isOptional = true)
    {
        if (actual != expected && !(isOptional && actual == 0))
        {
            throw new ArgumentException($"Expected {name} of length {expected}, got {actual}.", name);
        }
    }
}
