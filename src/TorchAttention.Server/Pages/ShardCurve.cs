using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Page;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Server.Pages;

/// <summary>
/// A curve of the rows of shards: some are shown, and the curve is that of all, as a cluster answers, or as moments do, which have errors
/// and bands beside it.
/// </summary>
internal sealed class ShardCurve : LiveCurve
{
    // What a bandwidth is looked for by, where there are no moments.
    private const int RowsOfSearch = 3000;

    // The part of an error that it may be off by and be shown.
    private const double MostDoubt = 0.01;

    private readonly ShardModel _shards;
    private readonly int _column;
    private readonly Moments? _moments;

    private ShardCurve(ShardModel shards, KernelRegression some, int column, Moments? moments, string label)
        : base(some, label, column, new Dictionary<string, string>()) => (_shards, _column, _moments) = (shards, column, moments);

    /// <inheritdoc/>
    public override long RowsInAll => _shards.Manifest.Rows;

    /// <inheritdoc/>
    protected override bool IsOfShards => true;

    /// <summary>The page of shards that a cluster has; null for more features than a first look is made for.</summary>
    /// <param name="shards">The shards.</param>
    /// <param name="name">What they are called.</param>
    /// <param name="path">Their manifest's file.</param>
    public static LivePage? PageOf(ShardModel shards, string name, string path)
    {
        if (shards.Manifest.Features > BoxGrid.MostFeatures)
        {
            return null;
        }

        // The cluster is the server's, and stays.
        var files = new RowFiles(path, _ => shards.Cluster!);
        return new LivePage(Create(shards, files), shards.Names, name, path, "column");
    }

    private static ShardCurve[] Create(ShardModel shards, RowFiles files)
    {
        ShardManifest manifest = shards.Manifest;
        SomeRows some;
        Moments? moments = null;
        Bandwidth bandwidth;
        if (manifest is { Features: 1, Columns: 1 })
        {
            MomentsOfFiles<Moments> read = MomentFiles.OfCells(files, new Cut(null, Degree: 1, Folds: 0))
                .Read(null, null, null, CancellationToken.None);
            (some, moments) = (read.Some!, read.Moments);
            bandwidth = Bandwidth.Fixed(MomentRegression.Fit(moments).Bandwidth);
        }
        else
        {
            some = files.Look();
            int[] few = Spread(some.X.Length / manifest.Features, RowsOfSearch);
            KernelRegression of = Fit(some, few, manifest, Bandwidth.LeaveOneOut);

            // More rows of the same kind ask for less width: h goes with n^(-1/(4 + d)).
            double narrower = Math.Pow((double)few.Length / manifest.Rows, 1.0 / (4 + manifest.Features));
            bandwidth = Bandwidth.Fixed([.. of.Bandwidths.Select(h => h * narrower)]);
        }

        KernelRegression shown = Fit(some, Spread(some.X.Length / manifest.Features, MostRows), manifest, bandwidth);
        string[] labels = manifest.Columns == 1 ? [""] : [.. shards.Names.TargetsOf(manifest.Columns)];
        return [.. labels.Select((label, c) => new ShardCurve(shards, shown, c, moments, label))];
    }

    /// <inheritdoc/>
    public override void WriteAnswer(Utf8JsonWriter json, LiveSettings settings)
    {
        CheckRows(settings);
        double[] queries = QueriesFor(settings);
        if (MomentsFor(settings, settings.Bandwidths[0]) is { } model)
        {
            var options = new PredictionOptions { NoNeighbour = NoNeighbourPolicy.NaN };
            WriteAnswer(
                json,
                model.Predict(queries, options with { Interval = IntervalKind.MeanWithoutBias }),
                model.Predict(queries, options with { Interval = IntervalKind.NewObservation }));
            json.WriteNumberOrNull("error", ErrorOf(model));
            json.WriteNumberOrNull("freedom", model.Diagnostics.EffectiveDegreesOfFreedom);
            return;
        }

        var request = new ShardRequest
        {
            Kernel = settings.Kernel,
            Bandwidths = [.. settings.Bandwidths],
            Degree = settings.Degree,
        };
        request.Check(_shards.Manifest);
        Predictions at = _shards.Cluster!.PredictAsync(request, queries, NoNeighbourPolicy.NaN, CancellationToken.None)
            .GetAwaiter().GetResult();
        int columns = _shards.Manifest.Columns;
        WriteAnswer(
            json, columns == 1 ? at : at with { Mean = [.. at.Mean.Where((_, i) => i % columns == _column)] }, observation: null);
    }

    /// <inheritdoc/>
    public override void WriteSearch(Utf8JsonWriter json, LiveSettings settings)
    {
        CheckRows(settings);
        double[] trials = MomentsFor(settings, settings.Bandwidths[0]) is null ? [] : TrialsOf(settings.Feature);
        json.WriteNumbers("h", trials);
        json.WriteNumbers("error", trials.Select(h => ErrorOf(MomentsFor(settings, h)!)));
    }

    /// <inheritdoc/>
    public override void Save(string path, LiveSettings settings) =>
        throw new ArgumentException("Expected a model in memory to save, got shards: fit --shards makes one of them.");

    private static void CheckRows(LiveSettings settings)
    {
        if (settings.Removed.Count > 0)
        {
            throw new ArgumentException($"Expected all rows of the shards, got {settings.Removed.Count} left out.");
        }
    }

    // Moments are of the Gaussian.
    private MomentRegression? MomentsFor(LiveSettings settings, double h) =>
        _moments is null || double.IsFinite(settings.Kernel.Support) || settings.Degree > _moments.Grid.Degree ? null
            : MomentRegression.Fit(_moments, new MomentOptions { Degree = settings.Degree, Bandwidth = Bandwidth.Fixed(h) });

    // Of bandwidths far narrower than the cells sums can say too little of it, as where many rows lie at one place.
    private static double ErrorOf(MomentRegression model)
    {
        Certificate said = model.Certificate;
        double off = said.Truncation + said.Propagation + said.Rounding + said.KeptRows;
        double error = model.Diagnostics.LeaveOneOutError;
        return said.UncertainCells == 0 && (off <= MostDoubt * error || error == 0) ? Math.Sqrt(error) : double.NaN;
    }

    private static int[] Spread(int count, int most) => count <= most ? [.. Enumerable.Range(0, count)]
        : [.. Enumerable.Range(0, most).Select(i => (int)((long)i * (count - 1) / (most - 1)))];

    private static KernelRegression Fit(SomeRows some, int[] rows, ShardManifest manifest, Bandwidth bandwidth) => KernelRegression.Fit(
        Of(some.X, rows, manifest.Features), Of(some.Y, rows, manifest.Columns), manifest.Features,
        new KernelRegressionOptions { Degree = 0, Bandwidth = bandwidth }, Of(some.Weights, rows, 1));

    private static double[] Of(double[] numbers, int[] rows, int width) => numbers.Length == 0 ? []
        : [.. rows.SelectMany(row => Enumerable.Range(row * width, width).Select(i => numbers[i]))];
}
