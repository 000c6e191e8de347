namespace TorchAttention.Numerics.Tables;

/// <summary>Results as a table for people: columns lined up, numbers in five digits, the first of many rows.</summary>
internal static class ResultText
{
    private const int MostRows = 12;
    private const double LeastGrouped = 99_999.5;
    private const double MostGrouped = 1e15;

    /// <summary>A number in five digits; one of more before the point whole and in groups, 1,234,567.</summary>
    public static string Short(double value) => value.ToString(
        Math.Abs(value) is >= LeastGrouped and < MostGrouped ? "#,0" : "G5", CultureInfo.InvariantCulture);

    /// <summary>Several numbers after one another.</summary>
    public static string Short(IEnumerable<double> values) => string.Join(", ", values.Select(Short));

    /// <summary>Names and values below one another.</summary>
    public static string List(params IReadOnlyList<(string Name, string Value)> lines)
    {
        int width = lines.Max(line => line.Name.Length);
        return string.Join(Environment.NewLine, lines.Select(line => $"{line.Name.PadRight(width)}  {line.Value}"));
    }

    /// <summary>Numbers in columns.</summary>
    /// <param name="count">How many rows there are.</param>
    /// <param name="columns">Each column's name and its text in a row.</param>
    public static string Table(int count, IReadOnlyList<(string Name, Func<int, string> Cell)> columns)
    {
        int shown = Math.Min(count, MostRows);
        string[][] cells = [.. columns.Select(column => (string[])[column.Name, .. Enumerable.Range(0, shown).Select(column.Cell)])];
        int[] widths = [.. cells.Select(column => column.Max(cell => cell.Length))];
        IEnumerable<string> lines = Enumerable.Range(0, shown + 1).Select(
            row => string.Join("  ", cells.Select((column, j) => column[row].PadLeft(widths[j]))).TrimEnd());
        return string.Join(Environment.NewLine, count > shown ? lines.Append($"... and {count - shown} more") : lines);
    }
}
