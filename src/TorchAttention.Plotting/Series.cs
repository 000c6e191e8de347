namespace TorchAttention.Plotting;

/// <summary>A named line or cloud of points.</summary>
/// <param name="Label">Its name in the legend.</param>
/// <param name="X">Where, finite.</param>
/// <param name="Y">The values, as many as there are places.</param>
/// <param name="Color">A line's place in the palette, at least 0; by default its place among the lines.</param>
public sealed record Series(string Label, IReadOnlyList<double> X, IReadOnlyList<double> Y, int? Color = null)
{
    /// <summary>The colour of predictions in <see cref="Figures.PlotKernelReg"/>, for pictures that should match it.</summary>
    public const int PredictionColor = 1;
}
