using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>A pooling where each key has its own bandwidth, by the engine and by its definition.</summary>
internal sealed record SamplePointProblem(double[] Queries, double[] Keys, double[] Values, double[] W, int[] LeftOut)
{
    /// <summary>
    /// Sizes that fit no vector evenly, widths of two magnitudes, ties, keys left out, queries among and far from the keys, values with a
    /// level.
    /// </summary>
    public static SamplePointProblem Random(int seed)
    {
        var random = new Random(seed);
        int n = random.Next(2, 70);
        int m = random.Next(1, 50);
        double[] keys =
            [.. Enumerable.Range(0, n).Select(_ => random.Next(3) == 0 ? Math.Round(10 * random.NextDouble()) : 10 * random.NextDouble())];
        int[] leftOut = random.Next(2) == 0 ? [.. Enumerable.Range(0, m).Select(_ => random.Next(-1, n))] : [];
        double beyond = random.Next(4) == 0 ? 40 : 0;
        double[] queries = [.. Enumerable.Range(0, m).Select(
            i => leftOut.Length > 0 && leftOut[i] >= 0 ? keys[leftOut[i]] : (12 * random.NextDouble()) - 1 + (beyond * random.Next(2)))];
        double level = random.Next(2) * 1000;
        double narrow = beyond > 0 ? 10 : 1;
        return new SamplePointProblem(
            queries,
            keys,
            [.. keys.Select(x => level + Math.Sin(x) + random.NextDouble())],
            [.. keys.Select(_ => (random.Next(2) == 0 ? narrow : -narrow) * Math.Pow(10, (2 * random.NextDouble()) - 1))],
            leftOut);
    }

    public SamplePointProblem With(int key, double width, double value)
    {
        (double[] w, double[] values) = ([.. W], [.. Values]);
        w[key] += width;
        values[key] += value;
        return this with { W = w, Values = values };
    }

    public Answers Pool<TKernel>(PoolingOptions options)
        where TKernel : IKernel
    {
        var answers = new Answers(new double[Queries.Length], new double[Queries.Length], new double[Queries.Length], []);
        SamplePointPooling.Pool<TKernel>(
            Input, new SamplePointOutput { Values = answers.Values, LogWeightSum = answers.LogSums, QueryGradient = answers.Slopes },
            options);
        return answers;
    }

    public (double[] ByValue, double[] ByW) Backward<TKernel>(double[] outputGradient, PoolingOptions options)
        where TKernel : IKernel
    {
        Answers answers = Pool<TKernel>(options);
        (double[] byValue, double[] byW) = (new double[Keys.Length], new double[Keys.Length]);
        SamplePointPooling.Backward<TKernel>(Input, answers.Values, answers.LogSums, outputGradient, byValue, byW, options);
        return (byValue, byW);
    }

    /// <summary>Sums relative to the best score; the slope as that of a small step of the query, and what it could be off by.</summary>
    public Answers Definition<TKernel>()
        where TKernel : IKernel
    {
        double[] values = new double[Queries.Length];
        double[] logSums = new double[Queries.Length];
        double[] slopes = new double[Queries.Length];
        double[] sizes = new double[Queries.Length];
        for (int m = 0; m < Queries.Length; m++)
        {
            (values[m], logSums[m]) = At<TKernel>(m, Queries[m]);
            const double Step = 1e-6;
            double up = At<TKernel>(m, Queries[m] + Step).Value;
            double down = At<TKernel>(m, Queries[m] - Step).Value;
            bool isSmooth = !TKernel.HasJump && double.IsFinite(up) && double.IsFinite(down) && double.IsFinite(values[m]);
            slopes[m] = isSmooth ? (up - down) / (2 * Step) : 0;

            // At a kink, or where the slope itself changes much in a step, a difference says little.
            double bend = Math.Abs(up - (2 * values[m]) + down) / Step;
            sizes[m] = isSmooth ? (1e9 * bend) + (1e3 * Math.Abs(Values[0])) + (1e4 * Math.Abs(slopes[m])) : 1e300;
        }

        return new Answers(values, logSums, slopes, sizes);
    }

    private SamplePointInput Input => new() { Queries = Queries, Keys = Keys, Values = Values, InverseBandwidths = W, LeftOut = LeftOut };

    private (double Value, double LogSum) At<TKernel>(int query, double at)
        where TKernel : IKernel
    {
        int leftOut = LeftOut.Length == 0 ? -1 : LeftOut[query];
        double[] scores =
            [.. Keys.Select((key, i) => i == leftOut ? double.NegativeInfinity : TKernel.Score((at - key) * W[i] * ((at - key) * W[i])))];
        double best = scores.Max();
        if (double.IsNegativeInfinity(best))
        {
            return (double.NaN, best);
        }

        double[] weights = [.. scores.Select(score => Math.Exp(score - best))];
        return (
            Values[0] + (weights.Zip(Values, (weight, value) => weight * (value - Values[0])).Sum() / weights.Sum()),
            best + Math.Log(weights.Sum()));
    }

    /// <summary>What was answered.</summary>
    public sealed record Answers(double[] Values, double[] LogSums, double[] Slopes, double[] SlopeSizes);
}
