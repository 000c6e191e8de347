namespace TorchAttention.Plotting;

/// <summary>A named line or cloud of points.</summary>
/// <param name="Label">Its name in the legend.</param>
/// <param name="X">Where, finite.</param>
/// <param name="Y">The values, as many as there are places.</param>
public sealed record Series(string Label, IReadOnlyList<double> X, IReadOnlyList<double> Y);
