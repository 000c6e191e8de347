namespace TorchAttention.Numerics.Tables;

/// <summary>What becomes of a row in which a wanted number is missing.</summary>
public enum MissingValues
{
    /// <summary>It is an error that counts them.</summary>
    Error,

    /// <summary>The row is left out.</summary>
    Drop,
}

/// <summary>How a CSV file is written, and what to do with its gaps.</summary>
public sealed record CsvOptions
{
    /// <summary>What stands between two fields; a comma by default.</summary>
    public char Delimiter { get; init; } = ',';

    /// <summary>Whether numbers have a decimal comma, 3,14; false by default.</summary>
    public bool DecimalComma { get; init; }

    /// <summary>
    /// What stands between groups of three digits, as in 12,345; null for nothing, the default. A mark that stands elsewhere is an error.
    /// </summary>
    public char? Thousands { get; init; }

    /// <summary>
    /// What a date with slashes begins with; the year by default. Dates with points or names of months say it themselves.
    /// </summary>
    public DateOrder Dates { get; init; }

    /// <summary>What becomes of rows with a missing number (an empty field, NA, N/A, NaN, null, -, . or ?); an error by default.</summary>
    public MissingValues Missing { get; init; }
}
