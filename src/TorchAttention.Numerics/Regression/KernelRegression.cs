using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Intervals;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <summary>
/// Kernel regression on one's own data: a curve or surface through examples (x_i, y_i), f(q) = sum_i l_i(q) y_i, local constant
/// (Nadaraya-Watson), local linear, or of degree 2 or 3, with the bandwidth chosen, errors, and predictions anywhere.
/// </summary>
/// <example>
/// <code>
/// KernelRegression model = KernelRegression.Fit(x, y);
/// Predictions at = model.Predict([1.5, 2.5]);
/// Console.WriteLine($"h = {model.Bandwidths[0]}: {at.Mean[0]} in [{at.Lower[0]}, {at.Upper[0]}]");
/// </code>
/// </example>
/// <remarks>A model never changes; its methods may be called from several threads at once.</remarks>
public sealed partial class KernelRegression : IPredictor
{
    private readonly SmootherData _data;
    private readonly SmootherData _weighted;
    private readonly int[]? _order;
    private readonly Unweighted _unweighted;
    private readonly double[] _bandwidths;
    private readonly Smoother _smoother;
    private readonly Lazy<Smoother.Fit> _smooth;
    private readonly Lazy<(Diagnostics Diagnostics, double[] Fitted)> _fit;
    private readonly Lazy<LocalPolynomials> _polynomials;
    private double[]? _values;

    private KernelRegression(
        SmootherData data,
        int[]? order,
        double[] bandwidths,
        KernelRegressionOptions options,
        BandwidthSearch? search,
        Diagnostics? diagnostics,
        Unweighted unweighted = default,
        double[]? robust = null,
        Lazy<Noise[]>? noise = null)
    {
        _data = data;
        _robust = robust;
        _weighted = robust is null ? data : Reweighted(data, robust);
        _order = order;
        _unweighted = unweighted;
        _bandwidths = bandwidths;
        Options = options;
        Search = search;
        _smoother = options.NewSmoother(CancellationToken.None);
        _smooth = new(() => _smoother.At<double>(_weighted, bandwidths, leaveOut: true, neighbours: true));
        _fit = new(Diagnose);
        _noise = noise ?? new(MeasureNoise);
        _corrections = [.. Enum.GetValues<Corrected>().Select(
            what => new Lazy<BiasCorrection>(() => BiasCorrection.Create(_data, _smoother, _bandwidths, what, Options.Threads)))];
        _polynomials = new(() => new LocalPolynomials(
            options.Kernel, _weighted.Samples<double>(), bandwidths, options.Degree, options.RidgeInUse, options.Threads, isLasting: true,
            isShare: options.Bandwidth.IsShare));
        KnownDiagnostics = diagnostics;
    }

    /// <summary>What it was fitted with.</summary>
    public KernelRegressionOptions Options { get; }

    /// <summary>The bandwidths (d), given or found; a share of the examples where <see cref="Bandwidth.IsShare"/>.</summary>
    public IReadOnlyList<double> Bandwidths => _bandwidths;

    /// <summary>How the bandwidths were found; null where they were given, or where the model was loaded.</summary>
    public BandwidthSearch? Search { get; }

    /// <summary>
    /// The degrees that were chosen from, with the mean square of their leave-one-out errors; empty where the degree was given, or where
    /// the model was loaded.
    /// </summary>
    public IReadOnlyList<(int Degree, double LeaveOneOutError)> DegreeTrials { get; private init; } = [];

    /// <summary>The number of features d.</summary>
    public int Features => _data.Features;

    /// <summary>The number of columns of values v.</summary>
    public int Columns => _data.Columns;

    /// <summary>The number of examples n; one whose weight is 0 is none, and one of a frequency is so many.</summary>
    public int Count => _data.Count;

    /// <summary>The keys (n, d): sorted where there is one feature, else in the order that the examples were given in.</summary>
    public ReadOnlySpan<double> Keys => _data.Keys;

    /// <summary>The values (n, v), in the order of <see cref="Keys"/>.</summary>
    public ReadOnlySpan<double> Values => _values ??= _data.GivenValues();

    /// <summary>The sample weights (n), in the order of <see cref="Keys"/>; empty where all count alike.</summary>
    public ReadOnlySpan<double> Weights => _data.Weights;

    /// <summary>The names of the classes (v) whose frequencies the columns are; empty for a regression.</summary>
    public IReadOnlyList<string> Classes { get; private init; } = [];

    /// <summary>How the fit describes its data; computed when first asked for.</summary>
    public Diagnostics Diagnostics => KnownDiagnostics ?? _fit.Value.Diagnostics;

    /// <summary>The fitted values (n, v), in the order that the examples were given in; computed when first asked for.</summary>
    public IReadOnlyList<double> Fitted => _fit.Value.Fitted;

    private Diagnostics? KnownDiagnostics { get; }

    /// <summary>Fits one feature and one column of values.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="y">Values (n).</param>
    /// <param name="options">The defaults where null.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <exception cref="ArgumentException">Lengths that do not fit each other, a number that is not finite.</exception>
    /// <exception cref="RegressionDataException">Data that the bandwidth's rule cannot use.</exception>
    public static KernelRegression Fit(ReadOnlySpan<double> x, ReadOnlySpan<double> y, KernelRegressionOptions? options = null) =>
        Fit(x, y, 1, options);

    /// <summary>Fits any number of features and columns of values.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n, v), row by row.</param>
    /// <param name="features">d.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="weights">
    /// How much each example counts (n), not negative, in the sense of <see cref="KernelRegressionOptions.WeightsAre"/>; each the same
    /// where empty. One of weight 0 is fitted, and counts in nothing else.
    /// </param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, a negative weight, an option out of its range, a polynomial of more
    /// than 20 terms.
    /// </exception>
    /// <exception cref="RegressionDataException">Data that the bandwidth's rule cannot use.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static KernelRegression Fit(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        KernelRegressionOptions? options = null,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new KernelRegressionOptions();
        RegressionCheck.Options(options);
        RegressionCheck.Data(x, y, features, weights);
        RegressionCheck.Periods(options, features);
        RegressionCheck.Share(options, features);
        RegressionCheck.Robust(options, y.Length / (x.Length / features));
        if (options.Degrees.Count > 0)
        {
            return FitBest(x, y, features, options, weights, progress, cancellationToken);
        }

        RegressionCheck.Terms(options, features);
        return FitTo(Examples.Prepare(x, y, features, options, weights), options, progress, cancellationToken);
    }

    private static KernelRegression FitTo(
        Examples examples, KernelRegressionOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        (SmootherData data, int[]? order, Unweighted unweighted) = examples;
        (double[] bandwidths, BandwidthSearch? search) = Choose(data, options, progress, cancellationToken);
        search = search is null ? null
            : search with { SetAside = [.. data.Far.Select(i => order is null ? i : order[i]).Distinct().Order()] };
        return new KernelRegression(
            data, order, bandwidths, options, search, null, unweighted, RobustWeightsOf(data, bandwidths, options, cancellationToken));
    }

    /// <summary>Fits class frequencies: the probability of a class at q is the pooled frequency of its examples.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="labels">The class of each example (n).</param>
    /// <param name="features">d.</param>
    /// <param name="options">The defaults where null; the degree is 0, so that probabilities stay between 0 and 1.</param>
    /// <param name="weights">How much each example counts (n), not negative; each the same where empty.</param>
    /// <param name="progress">Told the part of the search done, roughly, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>A model whose columns are the classes, in the order of their names.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, a negative weight, an option out of its range.
    /// </exception>
    /// <exception cref="RegressionDataException">Data that the bandwidth's rule cannot use, or too many classes.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static KernelRegression FitClasses(
        ReadOnlySpan<double> x,
        IReadOnlyList<string> labels,
        int features,
        KernelRegressionOptions? options = null,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        options ??= new KernelRegressionOptions();
        if (options.Degree != 0 || options.Degrees.Count > 0)
        {
            string got = string.Join(" or ", options.Degrees.Count > 0 ? options.Degrees : [options.Degree]);
            throw new ArgumentException(
                $"Expected the degree 0 for classes, got {got}: the probabilities of planes leave 0 to 1.", nameof(options));
        }

        string[] classes = [.. labels.Distinct().Order(StringComparer.Ordinal)];
        if ((long)labels.Count * classes.Length > Array.MaxLength)
        {
            throw new RegressionDataException(
                RegressionProblem.TooMany,
                $"examples x classes below {Array.MaxLength}",
                $"{labels.Count} x {classes.Length}: a frequency for each is too many",
                nameof(labels));
        }

        Dictionary<string, int> column = classes.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        double[] oneHot = new double[labels.Count * classes.Length];
        for (int i = 0; i < labels.Count; i++)
        {
            oneHot[(i * classes.Length) + column[labels[i]]] = 1;
        }

        KernelRegression model = Fit(x, oneHot, features, options, weights, progress, cancellationToken);
        return new KernelRegression(model._data, model._order, model._bandwidths, options, model.Search, null, model._unweighted)
        {
            Classes = classes,
        };
    }

    private static (double[] Bandwidths, BandwidthSearch? Search) Choose(
        SmootherData data, KernelRegressionOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        Bandwidth asked = options.Bandwidth;
        Smoother smoother = options.NewSmoother(cancellationToken);
        if (asked.EffectiveDegreesOfFreedom is double freedom)
        {
            return (FreedomSearch.Find(data, smoother, freedom), null);
        }

        if (asked.IsShare)
        {
            RegressionCheck.FewestOfShare(options, data.Count);
        }
        else
        {
            data = data.Near();
        }

        if (asked.Rule is not BandwidthRule rule)
        {
            if (asked.Values.Count != 1 && asked.Values.Count != data.Features)
            {
                throw new ArgumentException(
                    $"Expected one bandwidth or one for each of {data.Features} features, got {asked.Values.Count}.", nameof(options));
            }

            double[] given = [.. Enumerable.Range(0, data.Features).Select(j => asked.Values[asked.Values.Count == 1 ? 0 : j])];
            if (!asked.IsShare)
            {
                RegressionCheck.Bandwidths(given, data, options.Kernel);
            }

            return (given, null);
        }

        if (BandwidthRules.FromFormula(rule, data, options.Kernel) is { } found)
        {
            return (found, new BandwidthSearch
            {
                Rule = rule,
                Bandwidths = found,
                Score = double.NaN,
                Bounds = [],
                EquallyGood = [],
                Trials = [],
            });
        }

        if (options.SearchBounds is { } bounds && bounds.Count != 1 && bounds.Count != data.Features)
        {
            throw new ArgumentException(
                $"Expected one pair of bounds or one for each of {data.Features} features, got {bounds.Count}.", nameof(options));
        }

        Criterion criterion = BandwidthRules.Create(asked, smoother, options.LeaveOutTies);
        BandwidthSearch search = CriterionSearch.Run(rule, data, criterion, options.SearchBounds, progress);
        return ([.. search.Bandwidths], search);
    }

    private (Diagnostics Diagnostics, double[] Fitted) Diagnose()
    {
        Smoother.Fit fit = _smooth.Value;
        int given = _order is null ? Count : Math.Max(_order.Max(), _unweighted.Count == 0 ? 0 : _unweighted.Places[^1]) + 1;
        double[] fitted = new double[given * Columns];
        for (int i = 0; i < Count; i++)
        {
            Span<double> row = fitted.AsSpan((_order is null ? i : _order[i]) * Columns, Columns);
            fit.Fitted.AsSpan(i * Columns, Columns).CopyTo(row);
            _data.AddOffsets(row);
        }

        _unweighted.Predict(this, fitted);
        Diagnostics measured = Diagnostics.Measure(_data, fit);
        return (_robust is null ? measured : measured.OfRobust(), fitted);
    }

    /// <summary>Examples as a search sees them; one of weight 0 is none.</summary>
    internal static SmootherData DataOf(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, KernelRegressionOptions options, ReadOnlySpan<double> weights) =>
        Examples.Prepare(x, y, features, options, weights).Data;

    internal static double[] Rows(ReadOnlySpan<double> numbers, int[] rows, int columns)
    {
        double[] taken = new double[rows.Length * columns];
        for (int i = 0; i < rows.Length; i++)
        {
            numbers.Slice(rows[i] * columns, columns).CopyTo(taken.AsSpan(i * columns));
        }

        return taken;
    }

    /// <summary>Examples in the order that sums take them in, and the places that they were given in.</summary>
    private sealed record Examples(SmootherData Data, int[]? Order, Unweighted Unweighted)
    {
        public static Examples Prepare(
            ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, KernelRegressionOptions options, ReadOnlySpan<double> weights)
        {
            Unweighted unweighted = Unweighted.TakeAway(ref x, ref y, ref weights, features, options, out int[] weighted);
            var data = SmootherData.Create(
                x, y, RegressionCheck.OfMeanOne(weights), features, out int[]? order, PeriodsOf(options));
            return new Examples(
                data, weighted.Length == 0 ? order : order is null ? weighted : Array.ConvertAll(order, i => weighted[i]), unweighted);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Options.Kernel} kernel, degree {Options.Degree}, h = {string.Join(", ", _bandwidths)}, {Count} examples");
}
