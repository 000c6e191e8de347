using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>The options of <c>predict</c> that say which shards answer, and how.</summary>
/// <param name="clusters">Clusters that may be asked; null for none.</param>
internal sealed class ShardOptions(IShardClusters? clusters)
{
    private readonly Option<string?> _shards = Options.Text(
        "--shards", "file", $"Instead of a model, rows that shard dealt to files: their {ShardManifest.FileName}");
    private readonly ShardRequestOptions _request = new();

    public void AddTo(Command command)
    {
        command.AddAll(_shards);
        _request.AddTo(command);
        command.AddAll(clusters is null ? [] : [clusters.Option, .. clusters.PeerOptions]);
    }

    /// <summary>Whether shards are to answer.</summary>
    public bool AreAsked(ParseResult parsed) => parsed.GetValue(_shards) is not null || Cluster(parsed) is not null;

    /// <summary>Refuses what is for shards alone.</summary>
    public void Refuse(ParseResult parsed) => _request.Refuse(parsed);

    /// <summary>Predicts the rows of a file.</summary>
    public int Predict(ParseResult parsed, Queries queries, PredictOptions options)
    {
        string path = parsed.GetValue(_shards) ?? throw CliException.WrongInput(
            $"--shards: expected the {ShardManifest.FileName} of what the cluster serves, got none");
        PredictionOptions asked = options.ReadForShards(parsed, _request.HasSigma(parsed));
        _ = _request.BandwidthsOf(parsed);
        var manifest = ShardManifest.Load(path);
        ModelNotes names = ShardModel.NamesOf(path, manifest);
        ShardAsked ofShards = _request.Read(parsed, names, manifest.Columns, asked.HasSlopes);
        IShardPredictor predictor = Cluster(parsed) is string cluster
            ? clusters!.ConnectAsync(cluster, manifest, parsed).GetAwaiter().GetResult()
            : new LocalPredictor(manifest);
        try
        {
            var model = new ShardModel(names, predictor);
            return queries.Predict(model.Columns, written => model.Begin(written, ofShards, asked, queries.Data));
        }
        finally
        {
            predictor.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private string? Cluster(ParseResult parsed) => clusters is null ? null : parsed.GetValue(clusters.Option);
}
