using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>A kernel and a degree over data, fitted at the data's own places: what criteria for a bandwidth are made of.</summary>
internal sealed partial class Smoother(
    SmoothingKernel kernel, int degree, double ridge, int? threads, CancellationToken cancellationToken, bool isShare = false,
    bool isAtNodes = false)
{
    // What each window has of nodes, where fits are made there, and all of many or few examples at least; of fewer examples than so many
    // times as many each is one.
    private const int NodesInWindow = 16;
    private const int FewestNodes = 500;
    private const int FewestOfFew = 10;
    private const int FewestAtNode = 4;

    // Below this part left by an example's own weight, what the others say is known to too few digits, and they are asked alone.
    private const double LeastLeft = 1e-3;

    /// <summary>Fitted values, leverages, and residuals without the example itself.</summary>
    public sealed class Fit
    {
        /// <summary>Fitted values (n, v).</summary>
        public required double[] Fitted { get; init; }

        /// <summary>The diagonal of H (n), for all examples at a place together.</summary>
        public required double[] Leverage { get; init; }

        /// <summary>What the others say at each place (n, v); empty where that was not asked for.</summary>
        public required double[] WithoutOwn { get; init; }

        /// <summary>
        /// Whether all places but the <see cref="SmootherData.MostAlone">few</see> that may stand alone are fitted by others too.
        /// </summary>
        public required bool IsAdmissible { get; init; }

        /// <summary>1 / sum_j l_ij^2 / s_j (n); empty where that was not asked for.</summary>
        public double[] EffectiveNeighbours { get; init; } = [];

        /// <summary>
        /// sum_j l_j^2 / s_j at each place (n) with the weights l of the fit to all others, whose variance it is in units of that of the
        /// noise.
        /// </summary>
        /// <param name="data">What was fitted.</param>
        public double[] SquaresWithoutOwn(SmootherData data) => [.. Leverage.Select((leverage, i) =>
        {
            double left = Math.Max(1 - leverage, LeastLeft);
            double own = leverage > 0 ? leverage * leverage / data.WeightAt(i) : 0;
            return EffectiveNeighbours[i] > 0 ? Math.Max(0, (1 / EffectiveNeighbours[i]) - own) / (left * left) : 1;
        })];

        /// <summary>tr H.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public double Trace()
        {
            double trace = 0;
            foreach (double leverage in Leverage)
            {
                trace += leverage;
            }

            return trace;
        }

        /// <summary>The residual sum of squares, of one column or of all.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public double SquaresOf(SmootherData data, int? column = null)
        {
            double sum = 0;
            for (int i = 0; i < data.Count; i++)
            {
                for (int c = column ?? 0; c < (column is null ? data.Columns : column + 1); c++)
                {
                    double residual = data.Values[(i * data.Columns) + c] - Fitted[(i * data.Columns) + c];
                    sum += data.WeightAt(i) * residual * residual;
                }
            }

            return sum;
        }
    }

    public SmoothingKernel Kernel => kernel;

    public int Degree => degree;

    /// <summary>The ridge of the polynomial; 0 for none.</summary>
    public double Ridge => ridge;

    /// <summary>Whether fits are polynomials beyond the engine's means and planes.</summary>
    public bool IsPolynomial => isShare || LocalPolynomials.Covers(degree, ridge);

    /// <summary>Whether a bandwidth is the share of the examples that it reaches.</summary>
    public bool IsShare => isShare;

    public CancellationToken Cancellation => cancellationToken;

    private PoolingOptions Options => new() { Degree = degree, Threads = threads };

    // What no other example reaches is said by the nearest one, as the Gaussian has it: no bandwidth is ruled out by one example that
    // stands alone.
    private PoolingOptions WithNearest => Options with { NoNeighbour = NoNeighbourPolicy.Nearest };

    /// <summary>The same, without other threads.</summary>
    public Smoother OnOneThread() => new(kernel, degree, ridge, 1, cancellationToken, isShare, isAtNodes);

    /// <summary>
    /// The same, nearly: of the shares of many examples of one feature, in order, and a kernel that does not jump, fits are made at some
    /// places and are cubics between them.
    /// </summary>
    public Smoother AtNodes() => new(kernel, degree, ridge, threads, cancellationToken, isShare, isShare && !kernel.HasJump);

    /// <summary>Runs parts of some work on the threads that it may have.</summary>
    public void ForEach(int count, Action<int> run) =>
        new Work(Math.Min(threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken).ForEach(count, run);

    /// <summary>Fits at every place of the data.</summary>
    /// <typeparam name="T">The number type of the pairs.</typeparam>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="leaveOut">Whether to leave examples out: a place with all its examples, where the data has put them together.</param>
    /// <param name="neighbours">Whether the effective number of neighbours is asked for.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Fit At<T>(SmootherData data, double[] bandwidths, bool leaveOut, bool neighbours = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (IsTooNarrow<T>())
        {
            return At<double>(data, bandwidths, leaveOut, neighbours);
        }

        int n = data.Count;
        T[] effective = neighbours ? new T[n] : [];
        (double[] wide, double[] leverage) = !neighbours && PlacesOf(data) is { } places
            ? Spread(FitTo<T>(places.Data, bandwidths, []), places.PlaceOf, data.Columns)
            : FitTo(data, bandwidths, effective);
        if (neighbours && !IsPolynomial)
        {
            WeightedNeighbours<T>(data, data.Keys, new(() => PolynomialsOf(data, bandwidths)), effective);
        }

        double[] withoutOwn = leaveOut ? new double[wide.Length] : [];
        var doubtful = new List<int>();
        for (int i = 0; i < n; i++)
        {
            leverage[i] *= data.WeightAt(i);
            if (!(1 - leverage[i] > LeastLeft))
            {
                doubtful.Add(i);
                continue;
            }

            for (int c = 0; leaveOut && c < data.Columns; c++)
            {
                int at = (i * data.Columns) + c;
                withoutOwn[at] = data.Values[at] - ((data.Values[at] - wide[at]) / (1 - leverage[i]));
            }
        }

        int alone = leaveOut && doubtful.Count > 0 ? Ask(data, bandwidths, doubtful, withoutOwn) : doubtful.Count;
        return new Fit
        {
            Fitted = wide,
            Leverage = leverage,
            WithoutOwn = withoutOwn,
            IsAdmissible = alone <= data.MostAlone,
            EffectiveNeighbours = Doubles(effective),
        };
    }

    /// <summary>What the others say at every place, and how that changes with the logarithm of each bandwidth.</summary>
    /// <typeparam name="T">The number type of the pairs.</typeparam>
    /// <param name="data">The data; a place is left out with all its examples.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="gradient">Where the derivatives go (n, v, d).</param>
    public Fit LeavingOutWithGradient<T>(SmootherData data, double[] bandwidths, double[] gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (IsTooNarrow<T>())
        {
            return LeavingOutWithGradient<double>(data, bandwidths, gradient);
        }

        if (PlacesOf(data) is { } places)
        {
            return LeavingOutOfPlaces<T>(data, places.Data, places.PlaceOf, bandwidths, gradient);
        }

        (double[] withoutOwn, int alone) = AskWithGradient<T>(data, bandwidths, [.. Enumerable.Range(0, data.Count)], gradient);
        return new Fit { Fitted = [], Leverage = [], WithoutOwn = withoutOwn, IsAdmissible = alone <= data.MostAlone };
    }

    /// <summary>The fit at every place, and how it and its trace change with the logarithm of each bandwidth.</summary>
    /// <typeparam name="T">The number type of the pairs.</typeparam>
    /// <param name="data">The data, an example at each place.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="gradient">Where the derivatives of the fitted values go (n, v, d).</param>
    /// <param name="traceGradient">Where those of tr H go (d).</param>
    public Fit WithGradient<T>(SmootherData data, double[] bandwidths, double[] gradient, double[] traceGradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (IsTooNarrow<T>())
        {
            return WithGradient<double>(data, bandwidths, gradient, traceGradient);
        }

        (SmootherData fittedTo, int[]? placeOf) = PlacesOf(data) is { } places ? places : (data, null);
        (double[] fitted, double[] own, double[] byLog, double[] ownByLog) = FitWithGradient<T>(fittedTo, bandwidths);
        double[] leverage = Spread(own, placeOf, 1);
        Spread(byLog, placeOf, data.Columns * data.Features).CopyTo(gradient, 0);
        int alone = 0;
        Array.Clear(traceGradient);
        for (int i = 0; i < leverage.Length; i++)
        {
            double weight = data.WeightAt(i);
            int place = placeOf is null ? i : placeOf[i];
            leverage[i] *= weight;
            alone += 1 - leverage[i] > LeastLeft ? 0 : 1;
            for (int j = 0; j < data.Features; j++)
            {
                traceGradient[j] += weight * ownByLog[(place * data.Features) + j];
            }
        }

        return new Fit
        {
            Fitted = Spread(fitted, placeOf, data.Columns),
            Leverage = leverage,
            WithoutOwn = [],
            IsAdmissible = alone <= data.MostAlone,
        };
    }

    /// <summary>Predicts from data.</summary>
    /// <param name="data">The data.</param>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="predicted">Where the predictions go (m, v).</param>
    /// <param name="gradient">Where their derivatives by the logarithm of each bandwidth go (m, v, d); or empty.</param>
    /// <returns>How many queries have no neighbour, and their nearest key's value for an answer.</returns>
    public int Predict(SmootherData data, double[] queries, double[] bandwidths, double[] predicted, double[] gradient)
    {
        double[] byW = new double[gradient.Length];
        int alone = Pool(
            data, data.Samples<double>(), queries, bandwidths, new() { Values = predicted, InverseBandwidthGradient = byW }, WithNearest);
        ByLogarithms(data, byW, bandwidths, gradient);
        return alone;
    }

    /// <summary>
    /// 1 / sum_i l_i^2 / s_i at queries (m) that have a neighbour, which the engine's sums do not say where examples have weights.
    /// </summary>
    public void WeightedNeighbours<T>(SmootherData data, ReadOnlySpan<double> queries, Lazy<LocalPolynomials> polynomials, T[] neighbours)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (data.Weights.Length == 0 || Monomials.CountOf(data.Features, 1) > LocalPolynomials.MostTerms)
        {
            return;
        }

        double[] found = new double[neighbours.Length];
        var output = new PoolingOutput<double> { Values = new double[found.Length * data.Columns], EffectiveNeighbours = found };
        polynomials.Value.At(queries, output, NoNeighbourPolicy.NaN, cancellationToken: cancellationToken);
        for (int i = 0; i < found.Length; i++)
        {
            neighbours[i] = T.IsZero(neighbours[i]) ? T.Zero : T.CreateTruncating(found[i]);
        }
    }

    /// <summary>The same at bandwidths that nothing is prepared for.</summary>
    public void WeightedNeighbours(SmootherData data, double[] queries, double[] bandwidths, double[] neighbours) =>
        WeightedNeighbours(data, queries, new Lazy<LocalPolynomials>(() => PolynomialsOf(data, bandwidths)), neighbours);

    private LocalPolynomials PolynomialsOf(SmootherData data, double[] bandwidths) =>
        new(kernel, data.Samples<double>(), bandwidths, degree, ridge, threads, isLasting: false, isShare: isShare);

    // Polynomials are in float64 alone.
    private bool IsTooNarrow<T>() => IsPolynomial && typeof(T) != typeof(double);

    // Returns how many queries have no neighbour.
    private int Pool<T>(
        SmootherData data, Samples<T> samples, ReadOnlySpan<T> queries, double[] bandwidths, PoolingOutput<T> output,
        PoolingOptions options, int[]? leftOut = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (IsPolynomial)
        {
            using LocalPolynomials polynomials = PolynomialsOf(data, bandwidths);
            return polynomials.At(
                queries, output, options.NoNeighbour, leftOut, null, cancellationToken);
        }

        var widths = new PoolingWidths { Bandwidths = data.BandwidthsAs<T>(bandwidths) };
        return kernel.Pool(samples, widths, queries, output, leftOut, options, null, cancellationToken).WithoutNeighbour.Count;
    }

    // d/d log h = -w d/dw.
    private static void ByLogarithms<T>(SmootherData data, T[] byW, double[] bandwidths, double[] gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] wide = data.Wide(byW, bandwidths.Length, isDerivative: true);
        double[] h = data.BandwidthsAs<T>(bandwidths);
        for (int i = 0; i < gradient.Length; i++)
        {
            gradient[i] = -wide[i] / h[i % h.Length];
        }
    }

    // Places whose own examples outweigh all others: the sum over the others alone, and how many places have none in reach.
    private int Ask(SmootherData data, double[] bandwidths, List<int> places, double[] withoutOwn)
    {
        double[] queries = KeysOf(data, places);
        double[] answers = new double[places.Count * data.Columns];
        int alone = Pool(
            data, data.Samples<double>(), queries, bandwidths, new() { Values = answers }, WithNearest, data.InSamples(places));
        for (int i = 0; i < places.Count; i++)
        {
            answers.AsSpan(i * data.Columns, data.Columns).CopyTo(withoutOwn.AsSpan(places[i] * data.Columns));
        }

        return alone;
    }

    private static double[] Doubles<T>(T[] numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        typeof(T) == typeof(double) ? (double[])(object)numbers : Array.ConvertAll(numbers, double.CreateTruncating);
}
