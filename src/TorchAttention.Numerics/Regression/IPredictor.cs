namespace TorchAttention.Numerics.Regression;

/// <summary>What was fitted to examples and predicts: from rows, from moments, or from a condensed curve.</summary>
public interface IPredictor
{
    /// <summary>The number of features d.</summary>
    int Features { get; }

    /// <summary>The number of columns of values v.</summary>
    int Columns { get; }

    /// <summary>The names of the classes (v) whose frequencies the columns are; empty for a regression.</summary>
    IReadOnlyList<string> Classes { get; }

    /// <summary>How the fit describes its data.</summary>
    Diagnostics Diagnostics { get; }

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m, v).</returns>
    /// <exception cref="ArgumentException">Queries of other features, a number that is not finite, an option out of its range.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default);
}
