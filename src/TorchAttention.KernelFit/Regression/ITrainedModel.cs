namespace TorchAttention.Cli.Regression;

/// <summary>A model that writes predictions of its own.</summary>
internal interface ITrainedModel : IDisposable
{
    /// <summary>The columns that it predicts from.</summary>
    IReadOnlyList<string> Features { get; }

    /// <summary>Writes the names of the columns that follow.</summary>
    void WriteHeader(PredictedRows rows);

    /// <summary>Predicts rows and writes them.</summary>
    /// <param name="source">Where the queries are from, for messages.</param>
    /// <param name="rows">Where they go.</param>
    /// <param name="queries">Queries row by row (m x d).</param>
    /// <param name="kept">The text of each column that is carried along (m).</param>
    /// <param name="cancellationToken">Stops the prediction.</param>
    void WriteRows(
        string source, PredictedRows rows, double[] queries, IReadOnlyList<List<string>> kept, CancellationToken cancellationToken);
}
