using MathNet.Numerics.Statistics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>What the residuals of a column of values say of its noise: its variance at any place, and its distribution.</summary>
internal sealed class Noise
{
    // A leverage near 1 leaves a residual that says nothing.
    private const double LeastLeft = 0.05;

    // Of fewer residuals none stands for the outermost fortieth on either side.
    private const int LeastExamples = 19;

    // Residuals from so many examples at least say how the noise is distributed at a place, from twice as wide as its variance.
    private const int NearExamples = 80;
    private const double TimesWider = 2;

    private readonly SmootherData _data;
    private readonly double[] _studentised;
    private readonly double[] _sizes;
    private readonly Lazy<int[]> _order;
    private readonly int? _threads;

    private Noise(SmootherData data, LocalVariance variance, double[] studentised, double freedom, int? threads)
    {
        (_data, Variance, _studentised, Freedom, _threads) = (data, variance, studentised, freedom, threads);
        _sizes = Array.ConvertAll(studentised, Math.Abs);
        Array.Sort(_sizes);
        _order = new(() =>
        {
            int[] order = [.. Enumerable.Range(0, studentised.Length)];
            Array.Sort((double[])studentised.Clone(), order);
            return order;
        });
    }

    /// <summary>Its variance.</summary>
    public LocalVariance Variance { get; }

    /// <summary>n - tr H, at least 2.</summary>
    public double Freedom { get; }

    /// <summary>The residual of each example (n) from the curve of all others.</summary>
    public required double[] WithoutOwn { get; init; }

    /// <summary>The sizes of these as an example of the mean weight would have them (n).</summary>
    public double[] SizesWithoutOwn() => [.. WithoutOwn.Select((residual, i) => Math.Sqrt(_data.WeightAt(i)) * Math.Abs(residual))];

    /// <summary>Measures the noise of a column.</summary>
    /// <param name="data">The examples.</param>
    /// <param name="fit">The fit to them, with its effective neighbours.</param>
    /// <param name="squaresWithoutOwn">Its <see cref="Smoother.Fit.SquaresWithoutOwn"/> (n).</param>
    /// <param name="column">The column of values.</param>
    /// <param name="threads">How many threads; all where null.</param>
    public static Noise Measure(SmootherData data, Smoother.Fit fit, double[] squaresWithoutOwn, int column, int? threads)
    {
        int n = data.Count;
        double[] squares = new double[n];
        double[] withoutOwn = new double[n];
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            int at = (i * data.Columns) + column;
            double residual = data.Values[at] - fit.Fitted[at];
            double square = data.WeightAt(i) * residual * residual;
            squares[i] = square / Math.Max(1 - fit.Leverage[i], LeastLeft);
            withoutOwn[i] = data.Values[at] - fit.WithoutOwn[at];
            sum += square;
        }

        double freedom = Math.Max(data.Examples - fit.Trace(), 2);
        var variance = new LocalVariance(data, squares, sum / freedom, threads);
        double[] others = variance.LeavingOut();
        double[] studentised = new double[n];
        for (int i = 0; i < n; i++)
        {
            // As a new observation is off the curve: by its own noise, and by that of the others' curve.
            double deviation = Math.Sqrt(others[i] * ((1 / data.WeightAt(i)) + squaresWithoutOwn[i]));
            studentised[i] = deviation > 0 ? withoutOwn[i] / deviation : 0;
        }

        return new Noise(data, variance, studentised, freedom, threads) { WithoutOwn = withoutOwn };
    }

    /// <summary>
    /// How many deviations a new observation stays within with a probability: the residual of which so many are no larger, one more
    /// counted; Student's quantile where there are too few.
    /// </summary>
    public double Quantile(double level)
    {
        double rank = Math.Ceiling((_sizes.Length + 1) * level);
        return _sizes.Length < LeastExamples || rank > _sizes.Length ? StudentBand.Quantile(level, Freedom) : _sizes[(int)rank - 1];
    }

    /// <summary>The same for either side, of the residuals near each query (m, d).</summary>
    public (double Lower, double Upper)[] QuantilesAt(ReadOnlySpan<double> queries, double level, CancellationToken cancellationToken)
    {
        double[] asked = queries.ToArray();
        var quantiles = new (double Lower, double Upper)[asked.Length / _data.Features];
        if (_sizes.Length < LeastExamples)
        {
            double c = StudentBand.Quantile(level, Freedom);
            Array.Fill(quantiles, (-c, c));
            return quantiles;
        }

        const int inPart = 64;
        int threads = Math.Min(_threads ?? Environment.ProcessorCount, Environment.ProcessorCount);
        new Work(threads, null, cancellationToken).ForEach((quantiles.Length + inPart - 1) / inPart, part =>
        {
            double[] squares = new double[_data.Count];
            double[] nearest = new double[_data.Count];
            for (int i = part * inPart; i < Math.Min(quantiles.Length, (part + 1) * inPart); i++)
            {
                quantiles[i] = QuantilesAt(asked.AsSpan(i * _data.Features, _data.Features), level, squares, nearest);
            }
        });
        return quantiles;
    }

    private (double Lower, double Upper) QuantilesAt(ReadOnlySpan<double> query, double level, double[] squares, double[] nearest)
    {
        int d = query.Length;
        for (int i = 0; i < squares.Length; i++)
        {
            double square = 0;
            for (int j = 0; j < d; j++)
            {
                double u = _data.Around(j, _data.Keys[(i * d) + j] - query[j]) / Variance.Widths[j];
                square += u * u;
            }

            squares[i] = square;
        }

        squares.CopyTo(nearest, 0);
        double far = ArrayStatistics.OrderStatisticInplace(nearest, Math.Min(NearExamples, nearest.Length));
        double width = Math.Max(TimesWider * TimesWider, far);
        double total = 1;
        for (int i = 0; i < squares.Length; i++)
        {
            squares[i] = Math.Exp(-squares[i] / (2 * width));
            total += squares[i];
        }

        double tail = (1 - level) / 2;
        double sum = 0;
        double? upper = null;
        double lower = _studentised[_order.Value[0]];
        foreach (int i in _order.Value)
        {
            sum += squares[i] / total;
            lower = sum < tail ? _studentised[i] : lower;
            upper ??= sum >= 1 - tail ? _studentised[i] : null;
        }

        upper ??= _studentised[_order.Value[^1]];

        // So few residuals are near that none stands for the level.
        double least = 1 > (1 - level) * total ? StudentBand.Quantile(level, Freedom) : double.NegativeInfinity;
        return (Math.Min(lower, -least), Math.Max(upper.Value, least));
    }
}
