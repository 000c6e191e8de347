using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Losses;

/// <summary>How a batch is cut.</summary>
internal static class KernelLoss
{
    /// <summary>
    /// The examples of a slice. So many, whoever computes them, so that bits depend on the batch alone; enough that a question to another
    /// machine is little beside them.
    /// </summary>
    public const int SliceExamples = 1024;
}

/// <summary>
/// The loss of a kernel regression, (1/2m) sum_i (f(q_i) - y_i)^2, and its gradient by w, (1/m) sum_i (f(q_i) - y_i) df/dw, a slice of the
/// batch at a time.
/// </summary>
/// <remarks>Several threads may ask it at once.</remarks>
/// <param name="kernel">The kernel.</param>
/// <param name="samples">Keys (n, d) and values (n).</param>
/// <param name="regions">The place in w of each key's (n); null where w is that of all keys, or of each feature.</param>
/// <param name="options">How to compute; nobody else is asked for a query without neighbours but its nearest key.</param>
internal sealed class KernelLoss<T>(SmoothingKernel kernel, Samples<T> samples, int[]? regions, PoolingOptions? options = null)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly PoolingOptions _options = (options ?? new PoolingOptions()) with { NoNeighbour = NoNeighbourPolicy.Nearest };
    private readonly Lock _lock = new();
    private (double[] W, Pooler<T> Pooler)? _kept;
    private double[]? _keys;
    private double[]? _values;

    public SmoothingKernel Kernel => kernel;

    public Samples<T> Samples => samples;

    public int[]? Regions => regions;

    /// <summary>sum_i g_i dy_i/dw, one for each feature or one that all share.</summary>
    /// <param name="gradient">g: that of the output (m, v).</param>
    /// <param name="byW">dy/dw (m, v, d).</param>
    /// <param name="features">d.</param>
    /// <param name="isShared">Whether all features share one w.</param>
    public static double[] ByW(ReadOnlySpan<T> gradient, ReadOnlySpan<T> byW, int features, bool isShared)
    {
        double[] sums = new double[isShared ? 1 : features];
        for (int i = 0, at = 0; i < gradient.Length; i++)
        {
            double g = double.CreateTruncating(gradient[i]);
            for (int j = 0; j < features; j++)
            {
                sums[isShared ? 0 : j] += g * double.CreateTruncating(byW[at++]);
            }
        }

        return sums;
    }

    /// <summary>What a slice adds to its batch.</summary>
    /// <exception cref="ArgumentException">The numbers do not fit each other, or one is not finite.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public LossPart PartOf(LossSlice<T> slice, LossAsked asked, CancellationToken cancellationToken)
    {
        int count = slice.Targets.Length;
        var errors = new Errors(slice.Targets.Span, asked.Examples, new T[count]);
        if (regions is not null)
        {
            return RegionalPooling.AreFew(count, samples.Count, asked.W.Length)
                ? OfPairs(slice, asked, errors, cancellationToken)
                : OfRegions(slice, asked, errors, cancellationToken);
        }

        int features = samples.Features;
        T[] outputs = new T[count];
        T[] slopes = new T[asked.HasGradient ? count * features : 0];
        using Pooler<T>? alone = count == asked.Examples ? New(asked.W, isLasting: false) : null;
        (alone ?? Lasting(asked.W)).At(
            slice.Queries.Span, new PoolingOutput<T> { Values = outputs, InverseBandwidthGradient = slopes }, slice.LeftOut.Span,
            cancellationToken: cancellationToken);
        double squares = errors.Take<T>(outputs);
        return new LossPart(squares, asked.HasGradient ? ByW(errors.Numbers, slopes, features, asked.W.Length == 1) : []);
    }

    private LossPart OfPairs(LossSlice<T> slice, LossAsked asked, Errors errors, CancellationToken cancellationToken)
    {
        SamplePointInput input = Input(slice, [.. regions!.Select(region => asked.W[region])]);
        double[] pooled = new double[input.Queries.Length];
        double[] logSums = new double[pooled.Length];
        kernel.Pool(input, new SamplePointOutput { Values = pooled, LogWeightSum = logSums }, _options, cancellationToken);
        double squares = errors.Take<double>(pooled);
        if (!asked.HasGradient)
        {
            return new LossPart(squares, []);
        }

        double[] byW = new double[input.Keys.Length];
        kernel.Backward(
            input, pooled, logSums, Array.ConvertAll(errors.Numbers, double.CreateTruncating), new double[byW.Length], byW, _options,
            cancellationToken);
        double[] gradient = new double[asked.W.Length];
        for (int i = 0; i < byW.Length; i++)
        {
            gradient[regions![i]] += byW[i];
        }

        return new LossPart(squares, gradient);
    }

    private LossPart OfRegions(LossSlice<T> slice, LossAsked asked, Errors errors, CancellationToken cancellationToken)
    {
        (double[] pooled, double[] byW) = RegionalPooling.Pool(
            kernel, Input(slice, asked.W), regions!, asked.HasGradient, _options, cancellationToken);
        double squares = errors.Take<double>(pooled);
        double[] gradient = new double[asked.HasGradient ? asked.W.Length : 0];
        for (int i = 0; i < byW.Length; i++)
        {
            gradient[i % gradient.Length] += double.CreateTruncating(errors.Numbers[i / gradient.Length]) * byW[i];
        }

        return new LossPart(squares, gradient);
    }

    private SamplePointInput Input(LossSlice<T> slice, double[] widths)
    {
        lock (_lock)
        {
            _keys ??= Doubles(samples.OwnKeys);
            _values ??= Doubles(samples.OwnValues);
        }

        return new()
        {
            Queries = Doubles(slice.Queries.Span),
            Keys = _keys,
            Values = _values,
            InverseBandwidths = widths,
            LeftOut = slice.LeftOut.Span,
        };
    }

    // What is prepared of the keys for a w is the same for all slices of a step.
    private Pooler<T> Lasting(double[] w)
    {
        lock (_lock)
        {
            if (_kept is not { } kept || !kept.W.AsSpan().SequenceEqual(w))
            {
                _kept = kept = (w, New(w, isLasting: true));
            }

            return kept.Pooler;
        }
    }

    private Pooler<T> New(double[] w, bool isLasting)
    {
        double[] each = w.Length == samples.Features ? w : [.. Enumerable.Repeat(w[0], samples.Features)];
        return new Pooler<T>(kernel, samples, new PoolingWidths { InverseBandwidths = each }, _options, isLasting);
    }

    private static double[] Doubles(ReadOnlySpan<T> numbers)
    {
        double[] doubles = new double[numbers.Length];
        for (int i = 0; i < doubles.Length; i++)
        {
            doubles[i] = double.CreateTruncating(numbers[i]);
        }

        return doubles;
    }

    /// <summary>The gradient of the loss by each output.</summary>
    private readonly ref struct Errors(ReadOnlySpan<T> targets, int examples, T[] numbers)
    {
        private readonly ReadOnlySpan<T> _targets = targets;

        /// <summary>(f - y) / m.</summary>
        public T[] Numbers => numbers;

        /// <summary>Takes outputs, in the model's number type.</summary>
        /// <returns>The sum of squared errors.</returns>
        public double Take<TOutput>(ReadOnlySpan<TOutput> outputs)
            where TOutput : IBinaryFloatingPointIeee754<TOutput>
        {
            double sum = 0;
            for (int i = 0; i < outputs.Length; i++)
            {
                double output = double.CreateTruncating(T.CreateTruncating(outputs[i]));
                double error = output - double.CreateTruncating(_targets[i]);
                numbers[i] = T.CreateTruncating(error / examples);
                sum += error * error;
            }

            return sum;
        }
    }
}
