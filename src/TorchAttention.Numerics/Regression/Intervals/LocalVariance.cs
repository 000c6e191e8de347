using MathNet.Numerics.Statistics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>
/// The variance of the noise of an example of the mean weight at any place: v(q) = (sum_i K(q, x_i) a_i + 4 s^2) / (sum_i K(q, x_i) + 4),
/// a Gaussian's mean of the squared residuals a_i with four more of the common variance.
/// </summary>
/// <remarks>
/// Its width has the least mean of ln v_-i + a_i / v_-i, each example judged by the others. Where the widest that is no more than a
/// standard error worse is wider, that one is taken: equal noise stays one variance.
/// </remarks>
internal sealed class LocalVariance
{
    private const double PriorExamples = 4;
    private const double LeastNeighbours = 20;
    private const double LeastPart = 1e-4;

    // Widths between two neighbouring ones are hardly better than the better of these.
    private const double Ratio = 1.3;

    // A criterion's mean over so many rows is known to 1/60 of its deviation.
    private const int MostJudged = 4096;

    private readonly SmootherData _data;
    private readonly double[] _squares;
    private readonly double _common;
    private readonly int? _threads;
    private readonly Lazy<Pooler<double>> _pooler;

    /// <param name="data">The examples.</param>
    /// <param name="squares">Their squared residuals (n), times their weights, each as large as its leverage lets a residual be.</param>
    /// <param name="common">The common variance.</param>
    /// <param name="threads">How many threads; all where null.</param>
    public LocalVariance(SmootherData data, double[] squares, double common, int? threads)
    {
        (_data, _squares, _common, _threads) = (data, squares, common, threads);
        Samples = SamplesOf(data.Keys, squares, []);
        Widths = Choose();
        _pooler = new(() => PoolerOf(Samples, Widths));
    }

    /// <summary>The widths (d).</summary>
    public double[] Widths { get; }

    private Samples<double> Samples { get; }

    /// <summary>v at some queries (m, d).</summary>
    public double[] At(ReadOnlySpan<double> queries, CancellationToken cancellationToken = default)
    {
        (double[] means, double[] sums) = Pooled(_pooler.Value, queries, null, cancellationToken);
        for (int i = 0; i < means.Length; i++)
        {
            means[i] = sums[i] > 0 ? ((means[i] * sums[i]) + (PriorExamples * _common)) / (sums[i] + PriorExamples) : _common;
        }

        return means;
    }

    /// <summary>v at each example, which has no say in it (n).</summary>
    public double[] LeavingOut() => Others(Pooled(_pooler.Value, _data.Keys, null, default), [.. Enumerable.Range(0, _data.Count)]);

    private double[] Choose()
    {
        double[] scales = [.. Enumerable.Range(0, _data.Features).Select(_data.DeviationOf)];
        if (!(_common > 0) || scales.All(scale => scale == 0))
        {
            return [.. scales.Select((scale, j) => Math.Min(scale > 0 ? scale : 1, _data.MostBandwidth(j, double.PositiveInfinity)))];
        }

        int step = Math.Max(1, _data.Count / MostJudged);
        int[] judged = [.. Enumerable.Range(0, _data.Count).Where(i => i % step == 0)];
        double[] places = _data.Take(judged).Keys;
        Samples<double> seen = Grouped(step);
        (double least, double most) = Range();
        int last = (int)Math.Ceiling(Math.Log(most / least) / Math.Log(Ratio));
        var tried = new List<(double[] Widths, double[] Scores)>();
        for (int k = 0; k <= last; k++)
        {
            double times = least * Math.Pow(most / least, (double)k / last);
            double[] widths = [.. scales.Select((scale, j) =>
                Math.Min(times * (scale > 0 ? scale : 1), _data.MostBandwidth(j, double.PositiveInfinity)))];
            using Pooler<double> pooler = PoolerOf(seen, widths);
            double[]? neighbours = tried.Count == 0 && k < last ? new double[judged.Length] : null;
            (double[] Means, double[] Sums) pooled = Pooled(pooler, places, neighbours, default);
            if (neighbours is null || ArrayStatistics.OrderStatisticInplace(neighbours, (neighbours.Length / 2) + 1) >= LeastNeighbours)
            {
                double[] others = Others(pooled, judged);
                tried.Add((widths, [.. judged.Select((row, i) => Math.Log(others[i]) + (_squares[row] / others[i]))]));
            }
        }

        double[] best = tried.MinBy(one => one.Scores.Average()).Scores;
        return tried.Last(one => IsAsGood(one.Scores, best)).Widths;
    }

    // Of one feature, whose keys are sorted: every so many neighbours as one, which is much less apart than any width that is tried.
    private Samples<double> Grouped(int step)
    {
        if (step == 1 || _data.Features > 1)
        {
            return Samples;
        }

        int groups = (_data.Count + step - 1) / step;
        (double[] keys, double[] squares, double[] weights) = (new double[groups], new double[groups], new double[groups]);
        for (int i = 0; i < _data.Count; i++)
        {
            double part = 1 / ++weights[i / step];
            keys[i / step] += part * (_data.Keys[i] - keys[i / step]);
            squares[i / step] += part * (_squares[i] - squares[i / step]);
        }

        return SamplesOf(keys, squares, weights);
    }

    // One feature has as many widths as a search for a bandwidth; of several the deviations say how far rows are apart.
    private (double Least, double Most) Range()
    {
        if (_data.Features > 1)
        {
            return (0.3, 10);
        }

        (double least, double most) = _data.RangeOf(0);
        double range = (most - least) / _data.DeviationOf(0);
        return (Math.Max(0.5 / _data.Count, 1e-3) * range, 8 * range);
    }

    private static bool IsAsGood(double[] scores, double[] best)
    {
        double mean = 0;
        double square = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            double worse = scores[i] - best[i];
            (mean, square) = (mean + worse, square + (worse * worse));
        }

        int n = scores.Length;
        mean /= n;
        double variance = n > 1 ? Math.Max(0, (square / n) - (mean * mean)) * n / (n - 1) : 0;
        return mean <= Math.Sqrt(variance / n);
    }

    private double[] Others((double[] Means, double[] Sums) pooled, int[] rows)
    {
        double[] others = new double[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            double rest = Math.Max(0, (pooled.Means[i] * pooled.Sums[i]) - _squares[rows[i]]);
            others[i] = Math.Max(
                (rest + (PriorExamples * _common)) / (Math.Max(0, pooled.Sums[i] - 1) + PriorExamples), LeastPart * _common);
        }

        return others;
    }

    private (double[] Means, double[] Sums) Pooled(
        Pooler<double> pooler, ReadOnlySpan<double> queries, double[]? neighbours, CancellationToken cancellationToken)
    {
        int m = queries.Length / _data.Features;
        (double[] means, double[] sums) = (new double[m], new double[m]);
        var output = new PoolingOutput<double> { Values = means, LogWeightSum = sums, EffectiveNeighbours = neighbours };
        pooler.At(queries, output, cancellationToken: cancellationToken);
        return (means, Array.ConvertAll(sums, Math.Exp));
    }

    private Samples<double> SamplesOf(double[] keys, double[] squares, double[] weights) =>
        new(_data.WithImages(keys), _data.Copied(squares), _data.Features, _data.Copied(weights));

    private Pooler<double> PoolerOf(Samples<double> samples, double[] widths) => new(
        SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = widths }, new PoolingOptions { Threads = _threads });
}
