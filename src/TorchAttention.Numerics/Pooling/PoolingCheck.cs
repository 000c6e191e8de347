namespace TorchAttention.Numerics.Pooling;

/// <summary>Checks a request before any work is done.</summary>
internal static class PoolingCheck
{
    public static void Options(PoolingOptions options)
    {
        if (!Enum.IsDefined(options.Method))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Method, "Expected one of the methods.");
        }

        Shared(options.NoNeighbour, options.Threads);
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
            throw new ArgumentOutOfRangeException(
                nameof(options), options.MergedWeightSum, "Expected a finite sum of weights of at least 0.");
        }

        if (options.VectorBits is not (null or 128 or 256 or 512))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.VectorBits, "Expected vectors of 128, 256 or 512 bits.");
        }
    }

    /// <summary>Checks what options of regressions say too.</summary>
    public static void Shared(NoNeighbourPolicy noNeighbour, int? threads, string name = "options")
    {
        if (!Enum.IsDefined(noNeighbour))
        {
            throw new ArgumentOutOfRangeException(name, noNeighbour, "Expected one of the policies.");
        }

        if (threads is < 1)
        {
            throw new ArgumentOutOfRangeException(name, threads, "Expected at least 1 thread.");
        }
    }

    /// <summary>Checks bandwidths or their inverses, and returns how many features there are.</summary>
    public static int Widths(PoolingWidths widths)
    {
        (IReadOnlyList<double> bandwidths, IReadOnlyList<double> inverse) = (widths.Bandwidths, widths.InverseBandwidths);
        if ((bandwidths.Count == 0) == (inverse.Count == 0))
        {
            throw new ArgumentException(
                $"Expected either bandwidths or their inverses, one for each feature, got {(bandwidths.Count == 0 ? "neither" : "both")}.",
                    nameof(widths));
        }

        for (int j = 0; j < bandwidths.Count; j++)
        {
            if (!(bandwidths[j] > 0 && double.IsFinite(bandwidths[j])))
            {
                throw new ArgumentException($"Expected positive, finite bandwidths, got {bandwidths[j]} for feature {j}.", nameof(widths));
            }
        }

        for (int j = 0; j < inverse.Count; j++)
        {
            if (!double.IsFinite(inverse[j]))
            {
                throw new ArgumentException($"Expected finite inverse bandwidths, got {inverse[j]} for feature {j}.", nameof(widths));
            }
        }

        return bandwidths.Count + inverse.Count;
    }

    /// <summary>Checks that there is a bandwidth for each feature.</summary>
    public static void Widths(PoolingWidths widths, int features)
    {
        if (Widths(widths) is int count && count != features)
        {
            throw new ArgumentException($"Expected a bandwidth for each of {features} features, got {count}.", nameof(widths));
        }
    }

    /// <summary>Checks keys with their values and weights.</summary>
    public static PoolingSizes Samples<T>(ReadOnlySpan<T> keys, ReadOnlySpan<T> values, ReadOnlySpan<T> sampleWeights, int features)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) != typeof(float) && typeof(T) != typeof(double))
        {
            throw new NotSupportedException($"Expected float or double, got {typeof(T).Name}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        int count = Rows(keys.Length, features, "Keys");
        if (count == 0)
        {
            throw new ArgumentException("Expected at least one key, got none.", nameof(keys));
        }

        if (values.IsEmpty || values.Length % count != 0)
        {
            throw new ArgumentException($"Expected values (n, v) for {count} keys, got {values.Length} numbers.", nameof(values));
        }

        if (!sampleWeights.IsEmpty && sampleWeights.Length != count)
        {
            throw new ArgumentException(
                $"Expected a sample weight for each of {count} keys, got {sampleWeights.Length}.", nameof(sampleWeights));
        }

        int columns = values.Length / count;
        Finite(keys, features, "Keys");
        Finite(values, columns, "Values");
        Finite(sampleWeights, 1, "SampleWeights");
        for (int i = 0; i < sampleWeights.Length; i++)
        {
            if (sampleWeights[i] < T.Zero)
            {
                throw new ArgumentException(
                    $"Expected sample weights of at least 0, got {sampleWeights[i]} for key {i}.", nameof(sampleWeights));
            }
        }

        return new PoolingSizes(0, count, features, columns);
    }

    /// <summary>Checks queries, and returns how many there are.</summary>
    public static int Queries<T>(ReadOnlySpan<T> queries, ReadOnlySpan<int> leftOut, int features, int keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = Rows(queries.Length, features, "Queries");
        if (!leftOut.IsEmpty && leftOut.Length != count)
        {
            throw new ArgumentException($"Expected a left-out key for each of {count} queries, got {leftOut.Length}.", nameof(leftOut));
        }

        Finite(queries, features, "Queries");
        for (int i = 0; i < leftOut.Length; i++)
        {
            if (leftOut[i] < -1 || leftOut[i] >= keys)
            {
                throw new ArgumentException(
                    $"Expected the left-out key to be -1 or one of {keys}, got {leftOut[i]} for query {i}.", nameof(leftOut));
            }
        }

        return count;
    }

    public static void Output<T>(PoolingOutput<T> output, PoolingSizes sizes, int degree)
        where T : unmanaged
    {
        if (degree == 0 && !output.Slopes.IsEmpty)
        {
            throw new ArgumentException(
                $"Expected no {nameof(output.Slopes)} with degree 0, got {output.Slopes.Length} numbers; {nameof(output.QueryGradient)} "
                + $"has the derivatives.", nameof(output));
        }

        if (degree == 0 && !output.IsLevel.IsEmpty)
        {
            throw new ArgumentException(
                $"Expected no {nameof(output.IsLevel)} with degree 0, got {output.IsLevel.Length}: a mean has no directions.",
                nameof(output));
        }

        if (degree == 1 && !output.QueryGradient.IsEmpty)
        {
            throw new ArgumentException(
                $"Expected no {nameof(output.QueryGradient)} with degree 1, got {output.QueryGradient.Length} numbers; "
                + $"{nameof(output.Slopes)} has the slopes of the planes.", nameof(output));
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

    private static int Rows(int numbers, int features, string name)
    {
        return numbers % features == 0
            ? numbers / features
            : throw new ArgumentException(
                $"Expected {name} row by row, a multiple of {features} numbers for {features} bandwidths, got {numbers}.", name);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finite<T>(ReadOnlySpan<T> numbers, int columns, string name)
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

    public static void Length(int actual, long expected, string name, bool isOptional = true)
    {
        if (actual != expected && !(isOptional && actual == 0))
        {
            throw new ArgumentException($"Expected {name} of length {expected}, got {actual}.", name);
        }
    }
}
