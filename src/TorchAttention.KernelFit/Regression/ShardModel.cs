using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Intervals;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>Shards as what rows are predicted from: by <c>predict</c>, and by a request to <c>serve</c>.</summary>
/// <param name="names">What the columns are called.</param>
/// <param name="predictor">Who answers.</param>
internal sealed class ShardModel(ModelNotes names, IShardPredictor predictor)
{
    /// <summary>The shards.</summary>
    public ShardManifest Manifest => predictor.Manifest;

    /// <summary>The cluster that answers; null for this process.</summary>
    public IShardCluster? Cluster => predictor as IShardCluster;

    /// <summary>What the columns are called.</summary>
    public ModelNotes Names => names;

    /// <summary>What it predicts from.</summary>
    public QueryColumns Columns { get; } = new(names.Features, names.Kinds, null, []);

    /// <summary>What a manifest says that its columns are called.</summary>
    /// <param name="path">The manifest's file, for messages.</param>
    /// <param name="manifest">The manifest.</param>
    public static ModelNotes NamesOf(string path, ShardManifest manifest) => ModelNotes.Read(path, manifest.Notes, manifest.Features);

    /// <summary>Writes the header, and gives what writes some rows of predictions.</summary>
    /// <param name="written">Where they go.</param>
    /// <param name="asked">What is asked of the shards.</param>
    /// <param name="options">What is written.</param>
    /// <param name="data">Where the queries are from, for messages.</param>
    public RowsToPredict.WriteRows Begin(PredictedRows written, ShardAsked asked, PredictionOptions options, string data)
    {
        var text = new PredictionText(written, Manifest.Columns, [], names, options);
        text.WriteHeader();

        // A sigma that is given is as that of infinitely many rows.
        (IReadOnlyList<double> Sigma, double Freedom)? noise =
            asked.Sigma?.Given is double[] given ? (given, double.PositiveInfinity) : null;
        return (rows, _, kept, cancellationToken) =>
        {
            Predictions at = At(asked, rows, data, cancellationToken);
            if (options.HasErrors)
            {
                (IReadOnlyList<double> sigma, double freedom) = noise ??= Measure(asked.Request, cancellationToken);
                at = at.WithErrors(sigma, StudentBand.Quantile(options.Level, freedom));
            }

            text.WriteRows(rows, at, kept);
        };
    }

    private (IReadOnlyList<double> Sigma, double Freedom) Measure(ShardRequest request, CancellationToken cancellationToken)
    {
        ShardResiduals all = ProgressBar.Show("residuals of all rows", isQuiet: false, progress =>
            predictor.ResidualsAsync(request, progress, cancellationToken).GetAwaiter().GetResult());
        IReadOnlyList<double> sigma = all.ResidualStandardError;
        Console.Error.WriteLine(sigma.Any(double.IsNaN)
            ? $"note: {all.EffectiveDegreesOfFreedom:G4} effective degrees of freedom of {all.Rows} rows leave no sigma, and no error"
            : $"note: {ShardSigma.Name} {string.Join(',', sigma.Select(number => $"{number:R}"))} was measured at all {all.Rows} rows; "
                + $"given as a number it takes no pass over them. Leave-one-out error {all.LeaveOneOutError:G6}"
                + (all.Alone > 0 ? $": {all.Alone} rows stand alone" : ""));
        return (sigma, all.ResidualDegreesOfFreedom);
    }

    private Predictions At(ShardAsked asked, double[] rows, string data, CancellationToken cancellationToken)
    {
        try
        {
            return predictor.PredictAsync(asked.Request, rows, asked.NoNeighbour, cancellationToken).GetAwaiter().GetResult();
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
}

/// <summary>What is asked of shards.</summary>
/// <param name="Request">The kernel, the bandwidths, the degree.</param>
/// <param name="NoNeighbour">The answer where no row has a weight.</param>
/// <param name="Sigma">What errors are made of; null for none.</param>
internal sealed record ShardAsked(ShardRequest Request, NoNeighbourPolicy NoNeighbour, ShardSigma? Sigma);
