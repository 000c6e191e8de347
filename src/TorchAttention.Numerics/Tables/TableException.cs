namespace TorchAttention.Numerics.Tables;

/// <summary>A table that cannot be used, said in one line: the file, the row and column where that is known, what was expected and what came.</summary>
/// <remarks>
/// Rows are counted as a spreadsheet shows them: the header is row 1, blank lines count, a line break inside quotation marks does not. In the
/// message, characters that would break the line are written as <c>\n</c> or <c>\u001b</c>.
/// </remarks>
public sealed class TableException : Exception
{
    /// <summary>Creates the exception for a whole table or one place in it.</summary>
    /// <param name="table">The file or data set, as the user named it.</param>
    /// <param name="problem">What was expected and what came.</param>
    /// <param name="row">The row, the header being 1; null where the problem has no row.</param>
    /// <param name="column">The column's name; null where the problem has no column.</param>
    /// <param name="inner">The cause, where another library found it.</param>
    public TableException(string table, string problem, long? row = null, string? column = null, Exception? inner = null)
        : base(Compose(table, problem, row, column), inner)
    {
        Table = table;
        Row = row;
        Column = column;
    }

    /// <summary>The file or data set, as the user named it.</summary>
    public string Table { get; }

    /// <summary>The row, the header being 1; null where the problem has no row.</summary>
    public long? Row { get; }

    /// <summary>The column's name; null where the problem has no column.</summary>
    public string? Column { get; }

    private static string Compose(string table, string problem, long? row, string? column)
    {
        string place = PlainText.Of(table);
        if (row is not null)
        {
            place += $", row {row}";
        }

        if (column is not null)
        {
            place += $", column '{PlainText.Of(column)}'";
        }

        return $"{place}: {problem}";
    }
}
