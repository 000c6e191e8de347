using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>The options of <c>predict</c> that say which shards answer, and how.</summary>
/// <param name="clusters">Clusters that may be asked; null for none.</param>
internal sealed class ShardOptions(IShardClusters? clusters)
{
    private readonly Option<string?> _shards = Options.Text(
        "--shards", "file", $"Instead of a model, rows that shard dealt to files: their {ShardManifest.FileName}");
    private readonly Option<double[]?> _bandwidth = Options.PositiveNumbers(
        "--bandwidth", "With shards, one bandwidth for all features or one for each");
    private readonly Option<string?> _kernel = Options.Text(
        "--kernel", "kernel", $"With shards, the kernel: {FitOptions.KernelNames} (default gaussian)");
    private readonly Option<int?> _degree = FitOptions.DegreeOption("With shards, the degree: 0 or 1 (default 0)");
    private readonly Option<NoNeighbourPolicy> _noNeighbour = FitOptions.NoNeighbourOption();

    private IEnumerable<Option> OfRequest => [_bandwidth, _kernel, _degree, _noNeighbour];

    public void AddTo(Command command)
    {
        command.AddAll(_shards);
        command.AddAll(OfRequest);
        command.AddAll(clusters is null ? [] : [clusters.Option]);
    }

    /// <summary>Whether shards are to answer.</summary>
    public bool AreAsked(ParseResult parsed) => parsed.GetValue(_shards) is not null || Cluster(parsed) is not null;

    /// <summary>Refuses what is for shards alone.</summary>
    public void Refuse(ParseResult parsed)
    {
        if (OfRequest.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option given)
        {
            throw CliException.WrongInput($"{given.Name}: expected --shards beside it; a model has its own");
        }
    }

    /// <summary>Predicts the rows of a file.</summary>
    public int Predict(ParseResult parsed, Queries queries, PredictionOptions asked)
    {
        string path = parsed.GetValue(_shards) ?? throw CliException.WrongInput(
            $"--shards: expected the {ShardManifest.FileName} of what the cluster serves, got none");
        double[] bandwidths = parsed.NumbersOf(_bandwidth)
            ?? throw CliException.WrongInput("--bandwidth: expected one for all features or one for each beside --shards, got none");
        ShardManifest manifest = ShardManifest.Load(path);
        ModelNotes names = ModelNotes.Read(path, manifest.Notes, manifest.Features);
        ShardRequest request = RequestOf(parsed, manifest, names, bandwidths, asked.HasSlopes);
        IShardPredictor predictor = Cluster(parsed) is string cluster
            ? Wait(clusters!.ConnectAsync(cluster, manifest))
            : new LocalPredictor(manifest);
        try
        {
            NoNeighbourPolicy noNeighbour = parsed.GetValue(_noNeighbour);
            return queries.Predict(new QueryColumns(names.Features, names.Kinds, null, []), written =>
            {
                var text = new PredictionText(written, manifest.Columns, [], names, asked);
                text.WriteHeader();
                return (rows, _, kept, cancellationToken) =>
                    text.WriteRows(rows, At(predictor, request, rows, noNeighbour, queries.Data, cancellationToken), kept);
            });
        }
        finally
        {
            predictor.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private string? Cluster(ParseResult parsed) => clusters is null ? null : parsed.GetValue(clusters.Option);

    private ShardRequest RequestOf(
        ParseResult parsed, ShardManifest manifest, ModelNotes names, double[] bandwidths, bool hasSlopes)
    {
        if (bandwidths.Length != 1 && bandwidths.Length != manifest.Features)
        {
            throw CliException.WrongInput(
                $"--bandwidth: expected one bandwidth or one for each of {PlainText.List(names.Features)}, got {bandwidths.Length}");
        }

        return new ShardRequest
        {
            Kernel = parsed.GetValue(_kernel) is string kernel ? FitOptions.KernelOf(kernel) : SmoothingKernel.Gaussian,
            Bandwidths = bandwidths.Length == 1 ? [.. Enumerable.Repeat(bandwidths[0], manifest.Features)] : bandwidths,
            Degree = FitOptions.DegreeOf(parsed, _degree),
            HasSlopes = hasSlopes,
        };
    }

    private static Predictions At(
        IShardPredictor predictor, ShardRequest request, double[] rows, NoNeighbourPolicy noNeighbour, string data,
        CancellationToken cancellationToken)
    {
        try
        {
            return Wait(predictor.PredictAsync(request, rows, noNeighbour, cancellationToken));
        }
        catch (NoNeighbourException e)
        {
            throw new TableException(TableProblem.Unusable, data, e)
            {
                Expected = "rows with an example within reach of the kernel, as --no-neighbour error says",
                Found = $"{e.Queries.Count} without one",
            };
        }
    }

    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
