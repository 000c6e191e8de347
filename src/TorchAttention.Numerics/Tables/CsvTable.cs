namespace TorchAttention.Numerics.Tables;

/// <summary>Reads the columns one asks for from separated text with a header row.</summary>
/// <inheritdoc cref="CsvRows" path="/remarks"/>
public static class CsvTable
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; a pipe will do, since it is read once.</param>
    /// <param name="choose">Given the header's names, the columns to read, in the order wanted.</param>
    /// <param name="options">The defaults where null.</param>
    /// <returns>The chosen columns.</returns>
    /// <exception cref="TableException">The file is missing, unreadable, not such text, or a chosen field is not a finite
    /// number.</exception>
    public static Table Read(string path, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose, CsvOptions? options = null)
    {
        using CsvRows rows = CsvRows.Open(path, options);
        return ReadAll(rows, path, choose);
    }

    /// <summary>Reads columns of a file by their names.</summary>
    /// <param name="path">The file; a pipe will do, since it is read once.</param>
    /// <param name="columns">The columns, in the order wanted.</param>
    /// <param name="options">The defaults where null.</param>
    /// <returns>The columns.</returns>
    /// <inheritdoc cref="Read(string, Func{IReadOnlyList{string}, IReadOnlyList{string}}, CsvOptions?)" path="/exception"/>
    public static Table Read(string path, IReadOnlyList<string> columns, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return Read(path, _ => columns, options);
    }

    /// <summary>Reads from an open reader.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="choose">Given the header's names, the columns to read, in the order wanted.</param>
    /// <param name="options">The defaults where null.</param>
    /// <returns>The chosen columns.</returns>
    /// <exception cref="TableException">The text is empty, ragged or ends inside a quotation, a column is missing or ambiguous, or a chosen
    /// field is not a finite number.</exception>
    public static Table Read(
        TextReader reader, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose, CsvOptions? options = null)
    {
        using CsvRows rows = CsvRows.Open(reader, name, options);
        return ReadAll(rows, name, choose);
    }

    /// <summary>Reads columns of numbers and one of text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="choose">Given the header's names, the columns of numbers and the one of text.</param>
    /// <param name="options">The defaults where null.</param>
    /// <returns>The chosen columns, and the text of each row.</returns>
    /// <inheritdoc cref="Read(string, Func{IReadOnlyList{string}, IReadOnlyList{string}}, CsvOptions?)" path="/exception"/>
    public static (Table Table, IReadOnlyList<string> Labels) ReadWithLabels(
        string path, Func<IReadOnlyList<string>, (IReadOnlyList<string> Columns, string Label)> choose, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(choose);
        using CsvRows rows = CsvRows.Open(path, options);
        var labels = new List<string>();
        (IReadOnlyList<string> columns, string label) = choose(rows.Header);
        return (ReadAll(rows, path, _ => columns, label, labels), labels);
    }

    /// <summary>Reads all rows of an open table.</summary>
    internal static Table ReadAll(
        TableRows rows, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose, string? label = null,
        List<string>? labels = null)
    {
        ArgumentNullException.ThrowIfNull(choose);
        IReadOnlyList<string> columns = choose(rows.Header);
        rows.Choose(columns, label);
        List<double>[] values = [.. columns.Select(_ => new List<double>())];
        int count = rows.Read(values, int.MaxValue, labels);
        if (count == 0 && (columns.Count > 0 || label is not null))
        {
            throw rows.NoData();
        }

        return new Table(name, columns, Array.ConvertAll(values, column => column.ToArray())) { DroppedRows = rows.DroppedRows };
    }

    /// <summary>The columns a header offers, for a message.</summary>
    /// <param name="header">The header's names.</param>
    /// <param name="delimiter">What it was split at.</param>
    /// <returns>A phrase such as "its columns are 'times', 'accel'".</returns>
    public static string Describe(IReadOnlyList<string> header, char delimiter = ',')
    {
        ArgumentNullException.ThrowIfNull(header);
        if (header.Count == 1 && header[0].IndexOfAny([';', '\t', ',']) >= 0)
        {
            string at = delimiter == ',' ? "a comma" : $"'{PlainText.Escape(delimiter.ToString())}'";
            return $"its only column is '{PlainText.Brief(header[0])}': are the fields separated by something other than {at}?";
        }

        return (header.Count == 1 ? "its only column is " : "its columns are ") + PlainText.List(header, "'");
    }
}
