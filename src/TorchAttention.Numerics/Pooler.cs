using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics;

/// <summary>
/// Samples with a kernel and a bandwidth, asked at queries as often as one likes: what an answer needs of the keys is prepared once.
/// </summary>
/// <remarks>
/// <para>The numbers are those of <see cref="KernelPooling"/>, of the method that is the cheapest when its preparation is not counted; a
/// query of one feature touches the keys near it, or sums of them, and no others. What is prepared is made by the first call that needs
/// it.</para>
/// <para>It may be asked by several threads at once.</para>
/// <code>
/// using var samples = new Samples&lt;double&gt;(keys, values);
/// using var pooler = new Pooler&lt;double&gt;(SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = [0.5] });
/// pooler.At([1.0], new PoolingOutput&lt;double&gt; { Values = mean });
/// </code>
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
public sealed class Pooler<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Kept _kept;
    private readonly PoolingWidths _widths;
    private bool _isDisposed;

    /// <summary>Prepares for a bandwidth.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="samples">What is pooled; not disposed with this.</param>
    /// <param name="widths">Bandwidths h (d), or their inverses.</param>
    /// <param name="options">How to compute; the defaults where null.</param>
    /// <exception cref="ArgumentException">Bandwidths that are not positive or not one for each feature.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The samples were disposed.</exception>
    public Pooler(SmoothingKernel kernel, Samples<T> samples, PoolingWidths widths, PoolingOptions? options = null)
        : this(kernel, samples, widths, options, isLasting: true)
    {
    }

    // One that is asked once weighs what it prepares against the one answer.
    internal Pooler(SmoothingKernel kernel, Samples<T> samples, PoolingWidths widths, PoolingOptions? options, bool isLasting)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(widths);
        samples.CheckUse();
        Kernel = kernel;
        Samples = samples;
        Options = options ?? new PoolingOptions();
        PoolingCheck.Options(Options);
        PoolingCheck.Widths(widths, samples.Features);
        _widths = widths;
        _kept = new Kept(isLasting);
    }

    /// <summary>The kernel.</summary>
    public SmoothingKernel Kernel { get; }

    /// <summary>What is pooled.</summary>
    public Samples<T> Samples { get; }

    /// <summary>How it is computed.</summary>
    public PoolingOptions Options { get; }

    /// <summary>Pools the values at each query.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="leftOut">The index of the key that each query must not see (m), -1 for none; where empty, each sees all.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work; what was written by then stays.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a query that is not finite.</exception>
    /// <exception cref="NoNeighbourException">A query has no neighbour, and the policy is to stop there.</exception>
    /// <exception cref="ObjectDisposedException">This, or the samples, were disposed.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public PoolingReport At(
        ReadOnlySpan<T> queries, PoolingOutput<T> output, ReadOnlySpan<int> leftOut = default, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Samples.CheckUse();
        return Kernel.Call<Question, PoolingReport>(new Question(this, queries, output, leftOut, progress, cancellationToken));
    }

    /// <summary>Sums the values at each query without dividing: what these samples add to an answer of more than these.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="parts">What else the answer is to have.</param>
    /// <param name="isCareful">Whether every query is summed pair by pair relative to its nearest key, as those need that other sums
    /// leave <see cref="PoolingSums.Unsettled"/>.</param>
    /// <param name="leftOut">The index of the key that each query must not see (m), -1 for none; where empty, each sees all.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a query that is not finite; derivatives by queries with
    /// degree 1.</exception>
    /// <exception cref="ObjectDisposedException">This, or the samples, were disposed.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public PoolingSums SumsAt(
        ReadOnlySpan<T> queries, PoolingParts parts = PoolingParts.None, bool isCareful = false, ReadOnlySpan<int> leftOut = default,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Samples.CheckUse();
        if (Options.Degree == 1 && parts.HasFlag(PoolingParts.QueryGradient))
        {
            throw new ArgumentException($"Expected no {PoolingParts.QueryGradient} with degree 1; planes have slopes.", nameof(parts));
        }

        return Kernel.Call<Summing, PoolingSums>(new Summing(this, queries, parts, isCareful, leftOut, progress, cancellationToken));
    }

    /// <summary>Gives what was prepared back once no call needs it any more; the samples stay.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _kept.Dispose();
    }

    private readonly ref struct Question(
        Pooler<T> pooler, ReadOnlySpan<T> queries, PoolingOutput<T> output, ReadOnlySpan<int> leftOut, IProgress<double>? progress,
        CancellationToken cancellationToken) : IKernelCall<PoolingReport>
    {
        private readonly ReadOnlySpan<T> _queries = queries;
        private readonly PoolingOutput<T> _output = output;
        private readonly ReadOnlySpan<int> _leftOut = leftOut;

        public PoolingReport Run<TKernel>()
            where TKernel : IKernel =>
            KernelPooling.Compute<TKernel, T>(
                pooler.Samples, pooler._widths, pooler._kept, _queries, _leftOut, _output, pooler.Options, progress, cancellationToken);
    }

    private readonly ref struct Summing(
        Pooler<T> pooler, ReadOnlySpan<T> queries, PoolingParts parts, bool isCareful, ReadOnlySpan<int> leftOut,
        IProgress<double>? progress, CancellationToken cancellationToken) : IKernelCall<PoolingSums>
    {
        private readonly ReadOnlySpan<T> _queries = queries;
        private readonly ReadOnlySpan<int> _leftOut = leftOut;

        public PoolingSums Run<TKernel>()
            where TKernel : IKernel =>
            KernelPooling.Sum<TKernel, T>(
                pooler.Samples, pooler._widths, pooler._kept, _queries, _leftOut, parts, isCareful, pooler.Options, progress,
                cancellationToken);
    }
}
