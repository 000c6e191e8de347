using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>How a picture is drawn, beside what it shows.</summary>
public sealed record FigureOptions
{
    /// <summary>What stands above the picture: the data, the model, how many examples; nothing by default.</summary>
    public string Title { get; init; } = "";

    /// <summary>Whether the horizontal axis is one of powers of 10; its places are positive then. False by default.</summary>
    public bool IsLogX { get; init; }

    /// <summary>
    /// Whether the vertical axis is one of powers of 10; its values are positive then, and bands end at half of the least one. False by
    /// default.
    /// </summary>
    public bool IsLogY { get; init; }

    /// <summary>What the horizontal axis counts; numbers by default. Dates and times are marked as such.</summary>
    public ColumnKind XKind { get; init; }

    /// <summary>What the vertical axis of a surface counts; numbers by default.</summary>
    public ColumnKind YKind { get; init; }

    /// <summary>Whether places on the horizontal axis are counted, epochs say, and only whole numbers marked. False by default.</summary>
    public bool IsCountedX { get; init; }

    /// <summary>
    /// Whether <see cref="Figures.PlotRegression"/> shows how many examples there are, in shades of small cells, instead of a circle for
    /// each. False by default.
    /// </summary>
    public bool IsDensity { get; init; }

    /// <summary>The ends of the vertical axis; by default those of what is drawn.</summary>
    public (double Least, double Most)? YRange { get; init; }

    /// <summary>
    /// The values of the lightest and of the darkest colour; by default the least and the largest of the picture. Pictures that are
    /// compared need the same.
    /// </summary>
    public (double Least, double Most)? ColorRange { get; init; }

    /// <summary>What the colours are; nothing by default.</summary>
    public string ColorLabel { get; init; } = "";
}
