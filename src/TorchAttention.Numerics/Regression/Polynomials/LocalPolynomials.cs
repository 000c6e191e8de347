using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Pooling.Methods.Tree;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// Local polynomials with a ridge: at a query q the value is beta_0 of beta = (sum s K z z' + diag(0, L, .., L))^-1 sum s K z v, where z
/// are the products of u_j = (k_j - q_j) / h_j up to the degree.
/// </summary>
/// <remarks>
/// The ridge L counts like that weight of an observation, of weight 1 on average, which says that the slope is 0 for each bandwidth, and so
/// each higher power. It holds the polynomial where few keys are in reach, and far from all of them nothing but the weighted mean is left.
/// Where the bandwidth is a share of the keys, h is at each query the distance to the farthest of so many nearest ones. The degree 0 is a
/// plane whose slopes are held at 0. Always in float64. May be used by several threads at once.
/// </remarks>
internal sealed partial class LocalPolynomials : IDisposable
{
    /// <summary>The most terms of a polynomial.</summary>
    public const int MostTerms = 20;

    private readonly SmoothingKernel _kernel;
    private readonly int? _threads;
    private readonly int _bits;
    // Fewer keys and queries are soon done pair by pair; what a query needs stands on the stack.
    private const int FewestKeysForSums = 256;
    private const int FewestQueriesForSums = 64;
    private const int MostColumnsForSums = 64;

    // Where a kernel jumps the farthest of the nearest keys is to be on the inner side, whatever rounding says.
    private const double JustWithin = 1 + 1e-12;

    private readonly Kept _kept;
    private readonly int _nearest;
    private readonly SortedNumbers? _sorted;

    public LocalPolynomials(
        SmoothingKernel kernel, Samples<double> samples, double[] bandwidths, int degree, double ridge, int? threads,
        bool isLasting = true, int? vectorBits = null, bool isShare = false)
    {
        _kernel = kernel;
        Samples = samples;
        Bandwidths = bandwidths;
        Degree = degree;
        Ridge = ridge;
        _threads = threads;
        _bits = new PoolingOptions { VectorBits = vectorBits }.Bits;
        _kept = new Kept(isLasting);
        _nearest = isShare ? NearestKeys.CountFor(bandwidths[0], samples.Count) : 0;
        _sorted = isShare ? samples.Line.Sorted : null;
    }

    public Samples<double> Samples { get; }

    /// <summary>The bandwidths (d); a share of the keys where <see cref="IsShare"/>.</summary>
    public double[] Bandwidths { get; }

    /// <summary>Whether the bandwidth is a share of the keys.</summary>
    public bool IsShare => _nearest > 0;

    public int Degree { get; }

    /// <summary>L.</summary>
    public double Ridge { get; }

    public int Features => Samples.Features;

    public int Columns => Samples.Columns;

    /// <summary>The keys of several features, in bandwidths.</summary>
    public KeyTree<double> Tree =>
        _kept.Get(nameof(Tree), () => new KeyTree<double>(Samples, [.. Bandwidths.Select(h => 1 / h)]));

    /// <summary>Whether a degree and a ridge are fitted by this, and not by the engine.</summary>
    public static bool Covers(int degree, double ridge) => degree > 1 || ridge > 0;

    /// <summary>h of a feature at a query (d).</summary>
    public double WidthAt(ReadOnlySpan<double> query, int feature)
    {
        double width = Bandwidths[feature];
        if (IsShare)
        {
            WidthsAt(query, new Span<double>(ref width));
        }

        return width;
    }

    /// <summary>h of a share at queries (m), ascending.</summary>
    public void WidthsAt(ReadOnlySpan<double> queries, Span<double> widths)
    {
        NearestKeys.Distances(_sorted!, queries, _nearest, widths);
        for (int i = 0; _kernel.HasJump && i < widths.Length; i++)
        {
            widths[i] *= JustWithin;
        }
    }

    /// <summary>What is summed for a request.</summary>
    public PolynomialLayout LayoutFor(PolynomialRequest request) => Layout(request.EffectiveNeighbours.Length > 0, request.HasGradient);

    private PolynomialLayout Layout(bool hasSquares, bool hasGradient) => _kept.Get(
        (nameof(Layout), hasSquares, hasGradient),
        () => new PolynomialLayout(
            Features, Columns, Math.Max(1, Degree), hasSquares, hasGradient, _kernel == SmoothingKernel.Gaussian));

    /// <summary>Fits at queries.</summary>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="output">Where the answers go, as the engine's planes have them; what is empty is not computed.</param>
    /// <param name="noNeighbour">The value of a query that no key has a weight for.</param>
    /// <param name="leftOut">The key that each query must not see (m), -1 for none; empty where each sees all.</param>
    /// <param name="progress">Told the part done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>How many queries no key has a weight for.</returns>
    public int At<T>(
        ReadOnlySpan<T> queries, PoolingOutput<T> output, NoNeighbourPolicy noNeighbour, ReadOnlySpan<int> leftOut = default,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int count = PoolingCheck.Queries(queries, leftOut, Features, Samples.Count);
        PoolingCheck.Output(output, new PoolingSizes(count, Samples.Count, Features, Columns), degree: 1);
        PolynomialRequest request = PolynomialRequest.Create(this, queries, leftOut, output);
        int threads = Math.Min(_threads ?? Environment.ProcessorCount, Environment.ProcessorCount);
        Run(request, new Work(threads, progress, cancellationToken));
        int alone = AnswerAlone(request, noNeighbour);
        request.CopyTo(output);
        return alone;
    }

    /// <summary>The sums that the fits at queries are made of, which add up with those over other keys.</summary>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="leftOut">The key that each query must not see (m), -1 for none; empty where each sees all.</param>
    /// <param name="hasSquares">Whether those of squared weights are among them.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// Where each sum stands, the rows (m), whose sample weights are relative to the largest and whose values are distances from their
    /// centre, and the logarithm to base 2 of what the weights in each were raised by.
    /// </returns>
    public (PolynomialLayout Layout, double[] Rows, double[] Offsets) SumsAt(
        double[] queries, int[] leftOut, bool hasSquares, CancellationToken cancellationToken)
    {
        int count = queries.Length / Features;
        PolynomialLayout layout = Layout(hasSquares, hasGradient: false);
        var request = new PolynomialRequest(this, queries)
        {
            LeftOut = leftOut,
            EffectiveNeighbours = new double[hasSquares ? count : 0],
            Rows = new double[count * layout.Length],
            Offsets = new double[count],
        };
        Run(request, new Work(Math.Min(_threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken));
        return (layout, request.Rows, request.Offsets);
    }

    /// <summary>
    /// The slopes at queries (m, v, d), for the degree 0 those of a plane, NaN without neighbours; and sum_i b_i^2 / s_i of the weights b
    /// of each (m, d), for the degree 0 and the Gaussian those of the derivative of the mean.
    /// </summary>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public (double[] Slopes, double[] SquaredWeights) SlopesAt(double[] queries, CancellationToken cancellationToken)
    {
        int count = queries.Length / Features;
        var request = new PolynomialRequest(this, queries)
        {
            Slopes = [.. Enumerable.Repeat(double.NaN, count * Columns * Features)],
            SlopeSquares = [.. Enumerable.Repeat(double.NaN, count * Features)],
            EffectiveNeighbours = new double[count],
        };
        Run(request, new Work(Math.Min(_threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken));
        return (request.Slopes, request.SlopeSquares);
    }

    // What no key has a weight for, the engine's means answer by the policy.
    private int AnswerAlone(PolynomialRequest request, NoNeighbourPolicy noNeighbour)
    {
        int[] alone = [.. Enumerable.Range(0, request.Count).Where(i => !request.HasNeighbour[i])];
        if (alone.Length == 0)
        {
            return 0;
        }

        if (noNeighbour == NoNeighbourPolicy.Error)
        {
            throw new NoNeighbourException(alone);
        }

        double[] answers = new double[alone.Length * Columns];
        _kernel.Pool(
            Samples,
            new PoolingWidths { Bandwidths = Bandwidths },
            [.. alone.SelectMany(i => request.Queries.AsSpan(i * Features, Features).ToArray())],
            new PoolingOutput<double> { Values = answers },
            request.LeftOut.Length == 0 ? [] : [.. alone.Select(i => request.LeftOut[i])],
            new PoolingOptions { NoNeighbour = noNeighbour, Threads = _threads });
        for (int i = 0; i < alone.Length; i++)
        {
            answers.AsSpan(i * Columns, Columns).CopyTo(request.Values.AsSpan(alone[i] * Columns));
        }

        return alone.Length;
    }

    private void Run(PolynomialRequest request, Work work) => _kernel.Call<Chosen, bool>(new Chosen(this, request, work));

    private bool Run<TKernel, TLanes>(PolynomialRequest request, Work work)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        if (Features > 1)
        {
            RunInTree<TKernel, TLanes>(request, work);
            return true;
        }

        if (((KernelTraits<TKernel>.IsGaussian && !IsShare) || !TKernel.Polynomial.IsEmpty) && HasSumsFor(request))
        {
            RunOnLine<TKernel, TLanes>(request, work);
            return true;
        }

        const int InPart = PairsOnLine<TKernel, TLanes>.QueriesInPart;
        work.ForEach(
            (request.Count + InPart - 1) / InPart,
            () => new PairsOnLine<TKernel, TLanes>(request),
            (part, pass) => pass.Answer(part));
        return true;
    }

    private bool HasSumsFor(PolynomialRequest request)
    {
        double largest = Math.Max(Samples.LargestKey, Math.Max(request.Queries.Max(), -request.Queries.Min()));
        return Samples.Count >= FewestKeysForSums && request.Count >= FewestQueriesForSums && Columns <= MostColumnsForSums
            && (IsShare || LineCells.CanHold(LineCells.WidthFor(Bandwidths[0] / Math.Sqrt(2)), largest));
    }

    private unsafe void RunOnLine<TKernel, TLanes>(PolynomialRequest request, Work work)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        PolynomialLayout layout = Layout(hasSquares: false, request.HasGradient);
        IRowSums sums = _kept.Get(layout, () => SumsOf<TKernel, TLanes>(layout, isSquared: false, work));
        IRowSums? squares = request.EffectiveNeighbours.Length == 0 ? null : _kept.Get(
            nameof(request.EffectiveNeighbours),
            () => SumsOf<TKernel, TLanes>(
                new PolynomialLayout(1, 0, Math.Max(1, Degree), hasSquares: false, hasGradient: false, isOwnSlope: true), true, work));
        fixed (double* places = request.Queries)
        {
            using SortedNumbers queries = SortedNumbers.Sort(places, request.Count);
            const int InPart = SumsOnLine<TKernel, TLanes>.QueriesInPart;
            work.ForEach(
                (request.Count + InPart - 1) / InPart,
                () => new SumsOnLine<TKernel, TLanes>(request, queries, sums, squares),
                (part, pass) => pass.Answer(part));
        }
    }

    // The sums of the kernel or of its square.
    private IRowSums SumsOf<TKernel, TLanes>(PolynomialLayout layout, bool isSquared, Work work)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        double h = Bandwidths[0];
        return (KernelTraits<TKernel>.IsGaussian, isSquared) switch
        {
            (_, false) when IsShare => NearestSumsOf<TKernel, TLanes>(layout),
            (_, true) when IsShare => NearestSumsOf<SquaredKernel<TKernel>, TLanes>(layout),
            (true, false) => new PolynomialCells<TLanes>(Samples.Line, h, layout, work),
            (true, true) => new PolynomialCells<TLanes>(Samples.Line, h / Math.Sqrt(2), layout, work),
            (false, false) => new PolynomialWindows<TKernel, TLanes>(Samples.Line, h, layout, work),
            (false, true) => new PolynomialWindows<SquaredKernel<TKernel>, TLanes>(Samples.Line, h, layout, work),
        };
    }

    private NearestSums<TKernel, TLanes> NearestSumsOf<TKernel, TLanes>(PolynomialLayout layout)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        LineKeys keys = Samples.Line;
        return new NearestSums<TKernel, TLanes>(
            this,
            Samples.Keep(
                (typeof(NearestWindows<TKernel, TLanes>), layout.Terms, layout.Columns, layout.HasGradient),
                () => new NearestWindows<TKernel, TLanes>(keys, layout)),
            _nearest,
            layout);
    }

    private unsafe void RunInTree<TKernel, TLanes>(PolynomialRequest request, Work work)
        where TKernel : IKernel
        where TLanes : struct, ILanes<TLanes, double>
    {
        fixed (double* places = request.Queries)
        {
            using var queries = new PointTree<double>(
                places, request.Count, Samples.Keys, [.. Bandwidths.Select(h => 1 / h)], PairsInTree<TKernel, TLanes>.QueriesInLeaf,
                PairsInTree<TKernel, TLanes>.MostSide);
            (int, int, int)[] leaves = [.. queries.Nodes.Index().Where(node => node.Item.IsLeaf)
                .Select(node => (node.Item.First, node.Item.End, node.Index))];
            work.ForEach(
                leaves.Length,
                () => new PairsInTree<TKernel, TLanes>(request, queries, leaves),
                (leaf, pass) => pass.Answer(leaf));
        }
    }

    public void Dispose() => _kept.Dispose();

    private readonly struct Chosen(LocalPolynomials owner, PolynomialRequest request, Work work) : IKernelCall<bool>
    {
        public bool Run<TKernel>()
            where TKernel : IKernel => owner._bits switch
            {
                512 => owner.Run<TKernel, Lanes512<double>>(request, work),
                256 => owner.Run<TKernel, Lanes256<double>>(request, work),
                _ => owner.Run<TKernel, Lanes128<double>>(request, work),
            };
    }
}
