namespace TorchAttention.Numerics.Tables;

/// <summary>How numbers of a column that was no column of numbers are written again.</summary>
public static class ColumnKinds
{
    /// <summary>
    /// A number of a column as text: a date, time or duration in the forms of ISO 8601, to the microsecond, or to a tenth of a millisecond
    /// beyond 2^32 seconds, where the number says no more.
    /// </summary>
    /// <param name="kind">What the column is.</param>
    /// <param name="number">The number, in the kind's unit.</param>
    public static string Format(this ColumnKind kind, double number) => TimeReader.Format(number, kind);

    /// <summary>The unit of the numbers after a number: <c>" days"</c>; nothing for those that were numbers.</summary>
    /// <param name="kind">What the column is.</param>
    public static string Unit(this ColumnKind kind) => kind switch
    {
        ColumnKind.Number => "",
        ColumnKind.Duration => " hours",
        _ => " days",
    };
}
