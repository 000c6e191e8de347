namespace TorchAttention.Numerics.Tables;

/// <summary>
/// A table that cannot be used: the file, the row and column where that is known, what was expected and what came. The message says it all
/// in one line.
/// </summary>
/// <remarks>
/// Rows are counted as a spreadsheet shows them: the header is row 1, blank lines count, a line break inside quotation marks does not.
/// Where names are no row, in Parquet and Arrow files, the first row of data is row 1. The properties hold text as it is in the
/// file; in the message it is cut short, and characters that would break the line are written as <c>\n</c> or <c>\u001b</c>.
/// </remarks>
/// <param name="kind">What is wrong.</param>
/// <param name="table">The file or data set, as the user named it.</param>
/// <param name="inner">The cause, where another library found it.</param>
public sealed class TableException(TableProblem kind, string table, Exception? inner = null) : Exception(null, inner)
{
    private const int LongestPhrase = 200;
    private const int LongestList = 700;
    private const int LongestPath = 500;

    /// <summary>What is wrong.</summary>
    public TableProblem Kind { get; } = kind;

    /// <summary>The file or data set, as the user named it.</summary>
    public string Table { get; } = table;

    /// <summary>The row, the header being 1 where it is a row; null where the problem has no row.</summary>
    public long? Row { get; init; }

    /// <summary>The column's name; null where the problem has no column.</summary>
    public string? Column { get; init; }

    /// <summary>What was expected, as part of a sentence; null where the kind says it.</summary>
    public string? Expected { get; init; }

    /// <summary>What came: a field's own text, or a count, or a phrase; null where the kind says it.</summary>
    public string? Found { get; init; }

    /// <summary>What was probably meant, as a phrase; empty where nothing is near.</summary>
    internal string Hint { get; init; } = "";

    /// <summary>How many rows have the problem, where it is a missing value.</summary>
    public long Rows { get; init; } = 1;

    /// <inheritdoc/>
    public override string Message
    {
        get
        {
            string place = PlainText.Brief(Table, LongestPath) + (Row is long row ? $", row {row}" : "");
            string column = Kind == TableProblem.NoColumn || Column is null ? "" : $", column '{PlainText.Brief(Column)}'";
            return $"{place}{column}: {Problem}";
        }
    }

    /// <summary>The message without the place.</summary>
    public string Problem => Kind switch
    {
        TableProblem.NoFile => "no such file",
        TableProblem.Unreadable => $"cannot be read ({Shown()})",
        TableProblem.StrayQuotation => "a quotation mark stands where none may",
        TableProblem.OpenQuotation => "a quotation is opened and never closed",
        TableProblem.CommaTwice => "numbers with a decimal comma need another delimiter than the comma",
        TableProblem.NoColumn => $"no column '{PlainText.Brief(Column ?? "")}'{Hint}; {Shown(LongestList)}",
        TableProblem.ColumnTwice => "the header has this name more than once",
        TableProblem.NotANumber or TableProblem.NotFinite or TableProblem.Negative or TableProblem.UnknownName
            => $"expected {Expected}, found {Quoted}",
        TableProblem.Missing =>
            $"expected {Expected}, found "
                + $"{(Found is null or "" ? "nothing" : $"{Quoted}, a missing value")}{(Rows > 1 ? $"; {Rows} rows miss one" : "")}",
        TableProblem.Unusable => $"expected {Expected}{(Found is null ? "" : $", got {Shown()}")}",
        _ => $"expected {Expected}, found {Shown()}",
    };

    private string Shown(int most = LongestPhrase) => PlainText.Brief(Found ?? "", most);

    private string Quoted => $"'{PlainText.Brief(Found ?? "")}'";
}
