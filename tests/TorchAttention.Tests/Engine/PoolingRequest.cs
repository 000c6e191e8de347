using System.Numerics;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>A request in float64, to be answered by the definition and by the engine.</summary>
internal sealed record PoolingRequest
{
    public required double[] Queries { get; init; }

    public required double[] Keys { get; init; }

    public required double[] Values { get; init; }

    public required double[] Bandwidths { get; init; }

    public double[]? SampleWeights { get; init; }

    public int[]? LeftOut { get; init; }

    public int Features => Bandwidths.Length;

    public int KeyCount => Keys.Length / Features;

    public int QueryCount => Queries.Length / Features;

    public int Columns => Values.Length / KeyCount;

    /// <summary>
    /// Sizes that fit no vector evenly, scales from 0.001 to 1,000, data far from the origin, ties, weights of 0, keys left out, queries
    /// among and beyond the keys.
    /// </summary>
    public static PoolingRequest Random(int seed, int mostFeatures, int mostKeys)
    {
        var random = new Random(seed);
        int d = random.Next(1, mostFeatures + 1);
        int v = random.Next(1, 4);
        int n = random.Next(1, mostKeys);
        int m = random.Next(1, 60);
        double scale = Math.Pow(10, random.Next(-3, 4));
        double offset = scale >= 1 && random.Next(3) == 0 ? 1e6 : 0;
        bool isTied = random.Next(4) == 0;
        double beyond = random.Next(5) == 0 ? 100 : 1;
        double[] keys = Numbers(n * d, () => offset + (scale * (isTied ? Math.Round(20 * random.NextDouble()) / 20 : random.NextDouble())));
        double[] queries = Numbers(m * d, () => offset + (scale * ((beyond * 1.2 * random.NextDouble()) - 0.1)));
        int[]? leftOut = random.Next(3) == 0 ? [.. Enumerable.Range(0, m).Select(_ => random.Next(-1, n))] : null;
        for (int i = 0; i < m; i++)
        {
            if (leftOut?[i] >= 0)
            {
                Array.Copy(keys, leftOut[i] * d, queries, i * d, d);
            }
        }

        double level = random.Next(2) * 1000;
        double range = 10 * random.NextDouble();
        return new PoolingRequest
        {
            Queries = queries,
            Keys = keys,
            Values = Numbers(n * v, () => level + (range * random.NextDouble())),
            Bandwidths = [.. Enumerable.Range(0, d).Select(_ => scale * Math.Pow(10, 0.7 - (2.5 * random.NextDouble())))],
            SampleWeights = random.Next(3) == 0 ? Numbers(n, () => random.Next(5) == 0 ? 0 : 5 * random.NextDouble()) : null,
            LeftOut = leftOut,
        };

        static double[] Numbers(int count, Func<double> next) => [.. Enumerable.Range(0, count).Select(_ => (double)(float)next())];
    }

    /// <summary>Each query's sums over all keys in float64, relative to its best score: the definition.</summary>
    public Answers Definition<TKernel>()
        where TKernel : IKernel
    {
        var answers = new Answers(this, hasGradients: false);
        double[] scores = new double[KeyCount];
        for (int m = 0; m < QueryCount; m++)
        {
            double best = double.NegativeInfinity;
            int nearest = -1;
            for (int i = 0; i < KeyCount; i++)
            {
                scores[i] = LeftOut?[m] == i || SampleWeights?[i] == 0 ? double.NegativeInfinity : TKernel.Score(SquaredDistance(m, i));
                (best, nearest) = scores[i] > best ? (scores[i], i) : (best, nearest);
            }

            answers.HasNeighbour[m] = nearest >= 0;
            double sum = 0;
            double squares = 0;
            double[] valueSums = new double[Columns];
            for (int i = 0; i < KeyCount && nearest >= 0; i++)
            {
                double relative = scores[i] - best;
                if (typeof(TKernel) == typeof(Gaussian) && double.IsFinite(relative))
                {
                    // Scores of a million lose six digits of their difference.
                    relative = TKernel.Score(SquaredDistance(m, i, beyond: nearest));
                }

                double weight = Math.Exp(relative) * (SampleWeights?[i] ?? 1);
                sum += weight;
                squares += weight * weight;
                for (int c = 0; c < Columns; c++)
                {
                    valueSums[c] += weight * (Values[(i * Columns) + c] - Values[c]);
                }
            }

            answers.LogWeightSum[m] = best + Math.Log(sum);
            answers.EffectiveNeighbours[m] = answers.HasNeighbour[m] ? sum * sum / squares : 0;
            for (int c = 0; c < Columns; c++)
            {
                answers.Values[(m * Columns) + c] = Values[c] + (valueSums[c] / sum);
            }
        }

        return answers;
    }

    /// <summary>The engine's answers.</summary>
    public Answers Pool<TKernel, T>(PoolingOptions options, bool hasGradients = false)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var answers = new Answers(this, hasGradients);
        var values = new T[answers.Values.Length];
        var logWeightSum = new T[QueryCount];
        var effective = new T[QueryCount];
        var gradient = new T[answers.InverseBandwidthGradient.Length];
        var logGradient = new T[answers.LogWeightSumGradient.Length];
        var queryGradient = new T[answers.QueryGradient.Length];
        var input = new PoolingInput<T>
        {
            Queries = Of<T>(Queries),
            Keys = Of<T>(Keys),
            Values = Of<T>(Values),
            Bandwidths = Bandwidths,
            SampleWeights = SampleWeights is null ? [] : Of<T>(SampleWeights),
            LeftOut = LeftOut,
        };
        var output = new PoolingOutput<T>
        {
            Values = values,
            LogWeightSum = logWeightSum,
            EffectiveNeighbours = effective,
            HasNeighbour = answers.HasNeighbour,
            InverseBandwidthGradient = gradient,
            LogWeightSumGradient = logGradient,
            QueryGradient = queryGradient,
        };
        answers.Report = KernelPooling.Pool<TKernel, T>(input, output, options);
        Widen(values, answers.Values);
        Widen(logWeightSum, answers.LogWeightSum);
        Widen(effective, answers.EffectiveNeighbours);
        Widen(gradient, answers.InverseBandwidthGradient);
        Widen(logGradient, answers.LogWeightSumGradient);
        Widen(queryGradient, answers.QueryGradient);
        return answers;
    }

    /// <summary>The range of a column of values, at least what its numbers can tell apart.</summary>
    public double Range(int column)
    {
        (double least, double most) = (double.PositiveInfinity, double.NegativeInfinity);
        for (int i = column; i < Values.Length; i += Columns)
        {
            (least, most) = (Math.Min(least, Values[i]), Math.Max(most, Values[i]));
        }

        return most > least ? most - least : 1;
    }

    public override string ToString() =>
        $"n {KeyCount}, m {QueryCount}, d {Features}, v {Columns}, h {string.Join(' ', Bandwidths)}, first key {Keys[0]}, weights "
            + $"{SampleWeights is not null}, left out {LeftOut is not null}";

    private double SquaredDistance(int query, int key, int beyond = -1)
    {
        double squared = 0;
        for (int j = 0; j < Features; j++)
        {
            double q = Queries[(query * Features) + j];
            double k = Keys[(key * Features) + j];
            double h = Bandwidths[j];
            double other = beyond < 0 ? q : Keys[(beyond * Features) + j];
            squared += (q - k - (q - other)) / h * ((q - k + (q - other)) / h);
        }

        return squared;
    }

    private static T[] Of<T>(double[] numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Array.ConvertAll(numbers, T.CreateTruncating);

    private static void Widen<T>(T[] numbers, double[] wide)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Array.ConvertAll(numbers, double.CreateTruncating).CopyTo(wide, 0);
}
