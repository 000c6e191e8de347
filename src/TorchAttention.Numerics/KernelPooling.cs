using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Methods.Exact;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Pooling.Methods.Tree;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics;

/// <summary>
/// Attention pooling with a kernel, f(q) = sum_i s_i K(q, k_i) v_i / sum_i s_i K(q, k_i): Nadaraya-Watson kernel regression at any size, in
/// memory that grows with the inputs alone.
/// </summary>
/// <remarks>
/// <para>Accuracy, against the sum over all pairs in exact arithmetic: within 2e-6 of the range of the values for float and 1e-12 for
/// double, and where a method leaves pairs out, within the bound that the report gives.</para>
/// <para>Methods may be called from several threads at once.</para>
/// </remarks>
public static partial class KernelPooling
{
    /// <summary>Pools values in float32.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="input">Queries, keys, values, bandwidths.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="options">How to compute them; the defaults where null.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work; what was written by then stays.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a number that is not finite; bandwidths that are not
    /// positive; negative sample weights.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of its range.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static PoolingReport Pool<TKernel>(
        PoolingInput<float> input, PoolingOutput<float> output, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where TKernel : IKernel =>
        Pool<TKernel, float>(input, output, options, progress, cancellationToken);

    /// <summary>Pools values in float64.</summary>
    /// <inheritdoc
    /// cref="Pool{TKernel}(PoolingInput{float}, PoolingOutput{float}, PoolingOptions?, IProgress{double}?, CancellationToken)"/>
    public static PoolingReport Pool<TKernel>(
        PoolingInput<double> input, PoolingOutput<double> output, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where TKernel : IKernel =>
        Pool<TKernel, double>(input, output, options, progress, cancellationToken);

    /// <summary>Pools values in the number type of the caller.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <typeparam name="T">float or double.</typeparam>
    /// <inheritdoc
    /// cref="Pool{TKernel}(PoolingInput{float}, PoolingOutput{float}, PoolingOptions?, IProgress{double}?, CancellationToken)"/>
    /// <exception cref="NotSupportedException">Another number type.</exception>
    public static PoolingReport Pool<TKernel, T>(
        PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        return Compute<TKernel, T>(input, output, options ?? new PoolingOptions(), progress, cancellationToken);
    }

    /// <summary>Pools values of one column with one bandwidth per feature.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="keys">Keys (n, d), row by row.</param>
    /// <param name="values">Values (n).</param>
    /// <param name="bandwidths">Bandwidths h (d).</param>
    /// <returns>The pooled values (m); NaN for a query without neighbours.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a number that is not finite; bandwidths that are not
    /// positive.</exception>
    public static double[] Pool<TKernel>(
        ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, ReadOnlySpan<double> values, params ReadOnlySpan<double> bandwidths)
        where TKernel : IKernel
    {
        double[] pooled = new double[bandwidths.Length == 0 ? 0 : queries.Length / bandwidths.Length];
        var input = new PoolingInput<double> { Queries = queries, Keys = keys, Values = values, Bandwidths = bandwidths };
        Pool<TKernel>(input, new PoolingOutput<double> { Values = pooled });
        return pooled;
    }

    /// <summary>Pools samples that are prepared, or were just looked at.</summary>
    internal static unsafe PoolingReport Compute<TKernel, T>(
        Samples<T> samples, PoolingWidths widths, Kept kept, ReadOnlySpan<T> queries, ReadOnlySpan<int> leftOut, PoolingOutput<T> output,
        PoolingOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = PoolingCheck.Queries(queries, leftOut, samples.Features, samples.Count);
        PoolingCheck.Output(output, new PoolingSizes(count, samples.Count, samples.Features, samples.Columns), options.Degree);
        fixed (T* places = queries)
        fixed (int* left = leftOut)
        {
            PoolingProblem<T> problem = Problem(
                samples, widths, kept, count, places, left, options, progress, cancellationToken);
            PoolingReport report = AnswerWriter<TKernel, T>.To(
                AnswerFrame.Create<TKernel, T>(problem), places, output, null, writer => Run(problem, writer));

            // Loops hold addresses alone.
            GC.KeepAlive(samples);
            GC.KeepAlive(kept);
            return report;
        }
    }

    /// <summary>Sums that are merged with those over other samples before they are answers.</summary>
    internal static unsafe PoolingSums Sum<TKernel, T>(
        Samples<T> samples, PoolingWidths widths, Kept kept, ReadOnlySpan<T> queries, ReadOnlySpan<int> leftOut, PoolingParts parts,
        bool isCareful, PoolingOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = PoolingCheck.Queries(queries, leftOut, samples.Features, samples.Count);
        fixed (T* places = queries)
        fixed (int* left = leftOut)
        {
            // Who has no key in reach is told the nearest one of all in the end.
            PoolingProblem<T> problem = Problem(
                samples, widths, kept, count, places, left, options with { NoNeighbour = NoNeighbourPolicy.Nearest }, progress,
                cancellationToken);
            AnswerFrame frame = AnswerFrame.Create<TKernel, T>(problem);
            var rows = new QueryRows(PoolingSums.LayoutOf(samples.Features, samples.Columns, parts, options.Degree), count)
            {
                IsCareful = isCareful,
            };
            PoolingReport report = Run(problem, new AnswerWriter<TKernel, T>(frame, places) { Rows = rows });
            GC.KeepAlive(samples);
            GC.KeepAlive(kept);
            double[] asked = new double[queries.Length];
            for (int i = 0; i < asked.Length; i++)
            {
                asked[i] = double.CreateTruncating(queries[i]);
            }

            return new PoolingSums(SmoothingKernel.For<TKernel>(), rows, frame.ByItself(), asked, report.Method, options.Tolerance);
        }
    }

    private static unsafe PoolingProblem<T> Problem<T>(
        Samples<T> samples, PoolingWidths widths, Kept kept, int count, T* queries, int* leftOut, PoolingOptions options,
        IProgress<double>? progress, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new()
        {
            Samples = samples,
            Kept = kept,
            QueryCount = count,
            Queries = queries,
            LeftOut = leftOut,
            Bandwidths = widths.Bandwidths.Count == 0 ? null : [.. widths.Bandwidths],
            InverseBandwidths = widths.Bandwidths.Count == 0
                ? [.. widths.InverseBandwidths]
                : [.. widths.Bandwidths.Select(h => 1 / h)],
            Options = options,
            Progress = progress,
            CancellationToken = cancellationToken,
        };

    private static unsafe PoolingReport Compute<TKernel, T>(
        PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions options, IProgress<double>? progress,
        CancellationToken cancellationToken)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        PoolingCheck.Options(options);
        var widths = new PoolingWidths { Bandwidths = input.Bandwidths.ToArray(), InverseBandwidths = input.InverseBandwidths.ToArray() };
        PoolingSizes sizes = PoolingCheck.Samples(input.Keys, input.Values, input.SampleWeights, PoolingCheck.Widths(widths));
        fixed (T* keys = input.Keys, values = input.Values, sampleWeights = input.SampleWeights)
        {
            using var samples = new Samples<T>(sizes, keys, values, sampleWeights);
            using var kept = new Kept(isLasting: false);
            return Compute<TKernel, T>(samples, widths, kept, input.Queries, input.LeftOut, output, options, progress, cancellationToken);
        }
    }

    private static PoolingReport Run<TKernel, T>(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        return problem.Options.Bits switch
        {
            512 => Run<TKernel, Lanes512<T>, Lanes512<double>, T>(problem, writer),
            256 => Run<TKernel, Lanes256<T>, Lanes256<double>, T>(problem, writer),
            _ => Run<TKernel, Lanes128<T>, Lanes128<double>, T>(problem, writer),
        };
    }

    private static PoolingReport Run<TKernel, TLanes, TWideLanes, T>(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, T>
        where TWideLanes : struct, ILanes<TWideLanes, double>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var tree = new TreePooling<TKernel, TLanes, TWideLanes, T>(problem, writer);
        (PoolingMethod method, string reason) = MethodChoice.Run(
            problem.Options.Method,
            new LinePooling<TKernel, TWideLanes, T>(problem, writer),
            tree,
            new ExactPooling<TKernel, TLanes, TWideLanes, T>(problem, writer));
        int[] withoutNeighbour = writer.WithoutNeighbour();
        if (withoutNeighbour.Length > 0 && problem.Options.NoNeighbour == NoNeighbourPolicy.Error)
        {
            throw new NoNeighbourException(withoutNeighbour);
        }

        return new PoolingReport
        {
            Method = method,
            Reason = reason,
            ErrorBound = writer.ErrorBound,
            Recomputed = writer.Recomputed,
            WithoutNeighbour = withoutNeighbour,
        };
    }
}
