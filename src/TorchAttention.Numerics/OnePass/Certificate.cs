using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// What a leave-one-out error from moments is off by at most: proved, but for the constants of rounding, which are of first order
/// (docs/certificates.md).
/// </summary>
public sealed record Certificate
{
    /// <summary>
    /// The most that the mean of the squares can be off by; the sum of the four parts. Infinite where cells or rows are left over of which
    /// nothing is proved.
    /// </summary>
    public double Bound => IsProved ? Truncation + Propagation + Rounding + KeptRows : double.PositiveInfinity;

    /// <summary>Whether the bound covers all rows.</summary>
    public bool IsProved => LonelyRows == 0 && UncertainCells == 0;

    /// <summary>The part of the series that was cut off.</summary>
    public required double Truncation { get; init; }

    /// <summary>What sums that are off do to the curve and from there to the error.</summary>
    public required double Propagation { get; init; }

    /// <summary>What rounding does.</summary>
    public required double Rounding { get; init; }

    /// <summary>The part of rows that were kept as rows.</summary>
    public required double KeptRows { get; init; }

    /// <summary>Rows that no other row is near of, and of which rows are not at hand; their errors are estimates.</summary>
    public required long LonelyRows { get; init; }

    /// <summary>Rows whose errors were taken from other rows one by one, since sums say too little of them.</summary>
    public required long SettledRows { get; init; }

    /// <summary>Cells whose sums are too little for a proof.</summary>
    public required int UncertainCells { get; init; }

    /// <summary>The bound, and what is not covered.</summary>
    public override string ToString() => IsProved
        ? $"within {ResultText.Short(Bound)}"
        : $"an estimate: {LonelyRows} rows stand alone, nothing is proved of {UncertainCells} cells";
}
