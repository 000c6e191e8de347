using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>A named line or cloud of points.</summary>
/// <param name="Label">Its name in the legend.</param>
/// <param name="X">Where, finite.</param>
/// <param name="Y">The values, as many as there are places.</param>
/// <param name="Color">The place in the lines' palette, at least 0; by default a line's place among the lines, and for points grey.</param>
public sealed record Series(string Label, IReadOnlyList<double> X, IReadOnlyList<double> Y, int? Color = null)
{
    /// <summary>The colour of predictions in <see cref="Figures.PlotKernelReg"/>, for pictures that should match it.</summary>
    public const int PredictionColor = 1;

    /// <summary>The lower and upper end of a band around a line, one for each place; none where null, the default.</summary>
    public IReadOnlyList<(double Lower, double Upper)>? Band { get; init; }
}

/// <summary>One of several plots of lines in a picture.</summary>
/// <param name="Lines">Lines, each sorted by x.</param>
/// <param name="XLabel">The horizontal axis.</param>
/// <param name="YLabel">The vertical axis.</param>
/// <param name="Points">Clouds of points; none by default.</param>
public sealed record LinesPanel(IReadOnlyList<Series> Lines, string XLabel, string YLabel, IReadOnlyList<Series>? Points = null)
{
    /// <summary>What the horizontal axis counts; what the picture's options say where null, the default.</summary>
    public ColumnKind? XKind { get; init; }
}

/// <summary>One of several surfaces in a picture.</summary>
/// <param name="Surface">The values (rows, columns): the second feature from its largest place in row 0 to its least, the first from left
/// to right.</param>
/// <param name="Title">What it is.</param>
/// <param name="Examples">Examples to show as circles.</param>
public sealed record SurfacePanel(double[,] Surface, string Title, Series Examples);
