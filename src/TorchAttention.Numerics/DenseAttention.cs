using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics;

/// <summary>
/// Attention pooling pair by pair in float64: Nadaraya-Watson kernel regression as the textbook has it, and what faster methods are
/// measured by.
/// </summary>
/// <remarks>Time queries x keys x features; memory for the results alone.</remarks>
public static class DenseAttention
{
    /// <summary>Pools the values at each query.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="keys">Keys (n, d), row by row.</param>
    /// <param name="values">Values (n).</param>
    /// <param name="bandwidths">Bandwidths h (d), in the units of each feature; positive.</param>
    /// <returns>A result for each query (m): the output, the log of the sum of weights, the effective number of neighbours, whether there
    /// is any.</returns>
    /// <exception cref="ArgumentException">
    /// The lengths do not fit each other, there is no bandwidth, or one is not positive and finite.
    /// </exception>
    public static DenseAnswer[] Pool<TKernel>(
        ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, ReadOnlySpan<double> values, ReadOnlySpan<double> bandwidths)
        where TKernel : IKernel
    {
        int features = bandwidths.Length;
        Check(queries.Length, keys.Length, values.Length, bandwidths);
        var results = new DenseAnswer[queries.Length / features];
        for (int m = 0; m < results.Length; m++)
        {
            ReadOnlySpan<double> query = queries.Slice(m * features, features);
            double[] scores = new double[values.Length];
            for (int n = 0; n < scores.Length; n++)
            {
                scores[n] = TKernel.Score(SquaredDistance(query, keys.Slice(n * features, features), bandwidths));
            }

            results[m] = Softmax(scores, values);
        }

        return results;
    }

    // Weights relative to the best score: a query far from all keys still has a weight of 1 for its nearest one.
    private static DenseAnswer Softmax(double[] scores, ReadOnlySpan<double> values)
    {
        double best = scores.DefaultIfEmpty(double.NegativeInfinity).Max();
        if (double.IsNegativeInfinity(best))
        {
            return new DenseAnswer(double.NaN, double.NegativeInfinity, 0);
        }

        (double sum, double squares, double withValues) = (0, 0, 0);
        for (int n = 0; n < scores.Length; n++)
        {
            double weight = Math.Exp(scores[n] - best);
            sum += weight;
            squares += weight * weight;
            withValues += weight * values[n];
        }

        return new DenseAnswer(withValues / sum, best + Math.Log(sum), sum * sum / squares);
    }

    private static double SquaredDistance(ReadOnlySpan<double> query, ReadOnlySpan<double> key, ReadOnlySpan<double> bandwidths)
    {
        double sum = 0;
        for (int j = 0; j < bandwidths.Length; j++)
        {
            double u = (query[j] - key[j]) / bandwidths[j];
            sum += u * u;
        }

        return sum;
    }

    private static void Check(int queries, int keys, int values, ReadOnlySpan<double> bandwidths)
    {
        int features = bandwidths.Length;
        if (features == 0)
        {
            throw new ArgumentException("Expected a bandwidth for each feature, got none.", nameof(bandwidths));
        }

        foreach (double h in bandwidths)
        {
            if (!(h > 0 && double.IsFinite(h)))
            {
                throw new ArgumentException($"Expected positive, finite bandwidths, got {h}.", nameof(bandwidths));
            }
        }

        if (queries % features != 0)
        {
            throw new ArgumentException($"Expected queries of {features} features, got {queries} numbers.", nameof(queries));
        }

        if (keys != values * features)
        {
            throw new ArgumentException(
                $"Expected {values} keys of {features} features for {values} values, got {keys} numbers.", nameof(keys));
        }
    }
}
