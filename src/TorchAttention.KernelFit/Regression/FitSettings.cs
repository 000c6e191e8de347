namespace TorchAttention.Cli.Regression;

/// <summary>What the options of fit say beside the data and the model.</summary>
/// <param name="Picture">What the pictures show.</param>
/// <param name="Model">The model's file; null for the usual one.</param>
/// <param name="Output">The run's folder; null for the usual one.</param>
/// <param name="HasPlots">Whether pictures are drawn.</param>
/// <param name="HasReport">Whether the run is written as one page as well.</param>
/// <param name="IsQuiet">Whether nothing is printed.</param>
/// <param name="IsJson">Whether JSON is printed.</param>
internal sealed record FitSettings(
    PictureOptions Picture, string? Model, string? Output, bool HasPlots, bool HasReport, bool IsQuiet, bool IsJson);
