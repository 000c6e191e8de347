using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// Local regression on numbers and categories (Q. Li and J. S. Racine, 2004): f(q) is the value at q of the polynomial in the numbers, of
/// the degree 0 the mean, that is fitted by least squares with the weights s_i prod_j K((x_ij - q_j) / h_j)
/// prod_c L_c(x_ic, q_c; lambda_c). The lambdas of the categories are searched together with the bandwidths; a
/// category that does not help gets the largest, at which all its levels count alike.
/// </summary>
/// <example>
/// <code>
/// Category?[] columns = [null, new Category(["north", "south"])];
/// MixedRegression model = MixedRegression.Fit([1.5, 0, 2.5, 1, 3.5, 0, 4.5, 1], y, columns);
/// Predictions at = model.Predict([2.0, 1]);
/// </code>
/// </example>
/// <remarks>A model never changes; its methods may be called from several threads at once.</remarks>
public sealed partial class MixedRegression : IPredictor
{
    /// <summary>A category from this part of what its levels count at themselves on does not count.</summary>
    private const double CountsAlike = 0.999;

    private readonly MixedData _data;
    private readonly double[] _bandwidths;
    private readonly double[] _lambdas;
    private readonly int[] _numbers;
    private readonly int[] _levels;
    private readonly double[] _studentised;

    private MixedRegression(
        MixedData data, IReadOnlyList<Category?> columns, double[] bandwidths, double[] lambdas, KernelRegressionOptions options,
        Diagnostics diagnostics, double[] studentised, double[] fitted)
    {
        (_data, Categories, _bandwidths, _lambdas, Options) = (data, columns, bandwidths, lambdas, options);
        (Diagnostics, _studentised, Fitted) = (diagnostics, studentised, fitted);
        (_numbers, _levels) = Split(columns);
    }

    /// <summary>The category of each column (d); null where it is one of numbers.</summary>
    public IReadOnlyList<Category?> Categories { get; }

    /// <summary>What it was fitted with.</summary>
    public KernelRegressionOptions Options { get; }

    /// <summary>The bandwidth of each column (d); NaN of a category.</summary>
    public IReadOnlyList<double> Bandwidths => ByColumn(_numbers, _bandwidths);

    /// <summary>lambda of each column (d); NaN where it is one of numbers.</summary>
    public IReadOnlyList<double> Lambdas => ByColumn(_levels, _lambdas);

    /// <summary>The number of examples n; one whose weight is 0 is none.</summary>
    public int Count => _data.Numbers.Count;

    /// <summary>The fitted values (n), in the order that the examples were given in; empty where the model was loaded.</summary>
    public IReadOnlyList<double> Fitted { get; }

    /// <summary>
    /// The leave-one-out error of each degree that was tried, among <see cref="DegreeTrialCount"/> examples; empty where one was given, or
    /// the model was loaded.
    /// </summary>
    public IReadOnlyList<(int Degree, double LeaveOneOutError)> DegreeTrials { get; private init; } = [];

    /// <summary>
    /// How many examples the degrees were tried on: all, or, where these are more than 4,000 and the bandwidths are searched, some 2,000
    /// of them that lie as all do; 0 where no degree was tried, or the model was loaded.
    /// </summary>
    public int DegreeTrialCount { get; private init; }

    /// <inheritdoc/>
    public int Features => Categories.Count;

    /// <inheritdoc/>
    public int Columns => 1;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => [];

    /// <inheritdoc/>
    public Diagnostics Diagnostics { get; }

    /// <summary>Whether the levels of a category count for anything: whether one counts less at another than at itself.</summary>
    /// <param name="column">The column.</param>
    public bool Counts(int column) => Categories[column] is not { } category || category.Ratio(1, Lambdas[column]) < CountsAlike;

    /// <summary>Fits numbers and levels.</summary>
    /// <param name="x">Keys (n, d), row by row; of a category the level's place among its levels.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="categories">The category of each column (d); null where it is one of numbers, of which there is at least one.</param>
    /// <param name="options">
    /// The kernel of the numbers, the degree of the polynomial in them or the degrees to choose from by leave-one-out, its ridge,
    /// bandwidths for the numbers or a rule that <see cref="IsRule"/> has, bounds for the search, threads; the defaults where null.
    /// </param>
    /// <param name="lambdas">lambda of each category, from 0 to <see cref="Category.MostLambda"/>; searched where null.</param>
    /// <param name="weights">How much each example counts (n), not negative, in the sense of
    /// <see cref="KernelRegressionOptions.WeightsAre"/>; each the same where empty. One of weight 0 is fitted, and counts in nothing
    /// else.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, a level that is none of its category's, an option that is not for
    /// categories.
    /// </exception>
    /// <exception cref="RegressionDataException">Data for which there is no bandwidth.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static MixedRegression Fit(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        IReadOnlyList<Category?> categories,
        KernelRegressionOptions? options = null,
        IReadOnlyList<double>? lambdas = null,
        ReadOnlySpan<double> weights = default,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(categories);
        options ??= new KernelRegressionOptions();
        RegressionCheck.Options(options);
        RegressionCheck.NotRobust(options, "with categories");
        CheckOptions(options, categories, lambdas);
        RegressionCheck.Data(x, y, categories.Count, weights);
        if (y.Length != x.Length / categories.Count)
        {
            throw new ArgumentException(
                $"Expected one value for each of {x.Length / categories.Count} examples, got {y.Length}.", nameof(y));
        }

        int rows = y.Length;
        Unweighted unweighted = Unweighted.TakeAway(ref x, ref y, ref weights, categories.Count, options, out int[] taken);
        MixedData data = Arrange(x, y, categories, RegressionCheck.OfMeanOne(weights), nameof(x), out int[]? order);
        double[]? given = lambdas is null ? null : [.. lambdas];
        KernelRegressionOptions[] asked = options.Degrees.Count == 0 ? [options] : [.. options.Degrees.Select(options.For)];
        Array.ForEach(asked, one => RegressionCheck.Terms(one, data.Numbers.Features));
        var trials = new MixedTrials(data, asked, given, cancellationToken);
        (double[] bandwidths, double[] found, Smoother.Fit fit, Diagnostics diagnostics) = trials.Best;
        double[] fitted = new double[rows];
        for (int i = 0; i < data.Numbers.Count; i++)
        {
            int place = order is null ? i : order[i];
            fitted[taken.Length == 0 ? place : taken[place]] = fit.Fitted[i] + data.Numbers.Offsets[0];
        }

        double s = diagnostics.ResidualStandardError[0];
        double[] squares = fit.SquaresWithoutOwn(data.Numbers);
        double[] studentised = [.. Enumerable.Range(0, data.Numbers.Count).Select(
            i => Math.Abs(data.Numbers.Values[i] - fit.WithoutOwn[i]) / (s * Math.Sqrt((1 / data.Numbers.WeightAt(i)) + squares[i])))];
        Array.Sort(studentised);
        var model = new MixedRegression(data, categories, bandwidths, found, trials.Options, diagnostics, studentised, fitted)
        {
            DegreeTrials = asked.Length == 1 ? [] : [.. asked.Zip(trials.Errors, (one, error) => (one.Degree, error))],
            DegreeTrialCount = asked.Length == 1 ? 0 : trials.Count,
        };
        unweighted.Predict(model, fitted);
        return model;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Options.Kernel} kernel, h = {string.Join(", ", _bandwidths)}, lambda = {string.Join(", ", _lambdas)}, {Count} examples");

    private static MixedData Arrange(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<Category?> categories, double[] weights, string parameter,
        out int[]? order)
    {
        (double[] numbers, int[] levels) = Take(x, categories, mayBeUnseen: false, parameter);
        int c = categories.Count(category => category is not null);
        var data = SmootherData.Create(numbers, y, weights, categories.Count - c, out int[]? sorted);
        order = sorted;
        return new MixedData(
            data, sorted is null ? levels : [.. sorted.SelectMany(i => levels.AsSpan(i * c, c).ToArray())],
            [.. categories.OfType<Category>()]);
    }

    private double[] ByColumn(int[] columns, double[] values)
    {
        double[] all = [.. Enumerable.Repeat(double.NaN, Features)];
        foreach ((int j, int column) in columns.Index())
        {
            all[column] = values[j];
        }

        return all;
    }
}
