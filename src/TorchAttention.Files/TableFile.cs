using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>
/// Reads the columns one asks for from a file, whose ending says what it is: .parquet, .arrow and .feather (Arrow's IPC format), .xlsx (the
/// first sheet that is not hidden); any other is CSV.
/// </summary>
/// <remarks>
/// Whole numbers, floating-point numbers and decimals are read as float64, booleans as 0 and 1. Text is read as a field of CSV is: it may
/// be a number, or say that one is missing. A null, an empty cell and a NaN are missing values. Dates and times are text, and
/// bytes are taken for it; lists and structures are refused where one asks for them. Every number must be finite.
/// </remarks>
public static class TableFile
{
    private const int UsualRows = 1 << 16;

    private static readonly Dictionary<string, (string Name, Func<Stream, string, TableSource> Open)> _formats =
        new(StringComparer.OrdinalIgnoreCase)
        {
            [".parquet"] = ("a Parquet file", ParquetSource.Open),
            [".arrow"] = ("an Arrow file", ArrowSource.Open),
            [".feather"] = ("an Arrow file", ArrowSource.Open),
            [".xlsx"] = ("an Excel workbook", SheetSource.Open),
        };

    /// <summary>The endings of files other than CSV.</summary>
    public static IReadOnlyCollection<string> Endings => _formats.Keys;

    /// <summary>Whether a file is taken for CSV, by its ending.</summary>
    /// <param name="path">The file.</param>
    public static bool IsCsv(string path) => !_formats.ContainsKey(Path.GetExtension(path) ?? "");

    /// <summary>Opens a file to read some rows at a time.</summary>
    /// <param name="path">The file; a pipe will do for CSV, since it is read once.</param>
    /// <param name="options">How CSV is written, and what becomes of missing numbers in any file; the defaults where null.</param>
    /// <returns>The rows, which the caller disposes.</returns>
    /// <exception cref="TableException">The file is missing, unreadable or damaged.</exception>
    public static TableRows Open(string path, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!_formats.TryGetValue(Path.GetExtension(path), out (string Name, Func<Stream, string, TableSource> Open) format))
        {
            return CsvRows.Open(path, options);
        }

        if (Directory.Exists(path))
        {
            throw new TableException(TableProblem.Directory, path) { Expected = format.Name, Found = "a directory" };
        }

        return SafeSource.Open(path, format.Name, format.Open, options ?? new CsvOptions());
    }

    /// <summary>Reads columns by their names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">The columns, in the order wanted.</param>
    /// <param name="options">How CSV is written, and what becomes of missing numbers in any file; the defaults where null.</param>
    /// <returns>The columns.</returns>
    /// <exception cref="TableException">
    /// The file is missing, unreadable or damaged, it does not have a column, or a chosen field is not a finite number.
    /// </exception>
    public static Table Read(string path, IReadOnlyList<string> columns, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return Read(path, _ => columns, options);
    }

    /// <summary>Reads the columns one chooses among those that there are.</summary>
    /// <param name="path">The file.</param>
    /// <param name="choose">Given the columns' names, those to read, in the order wanted.</param>
    /// <param name="options">How CSV is written, and what becomes of missing numbers in any file; the defaults where null.</param>
    /// <returns>The chosen columns.</returns>
    /// <inheritdoc cref="Read(string, IReadOnlyList{string}, CsvOptions?)" path="/exception"/>
    public static Table Read(string path, Func<IReadOnlyList<string>, IReadOnlyList<string>> choose, CsvOptions? options = null)
    {
        using TableRows rows = Open(path, options);
        return CsvTable.ReadAll(rows, path, choose);
    }

    /// <summary>Reads columns a batch of rows at a time, so that memory does not grow with the file.</summary>
    /// <remarks>
    /// What is in memory at once is a batch, and of Parquet a row group of the chosen columns, of Arrow a record batch, of Excel the texts
    /// of the workbook. The file is opened where the reading begins, and closed where it ends.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="columns">The columns, in the order wanted.</param>
    /// <param name="options">How CSV is written, and what becomes of missing numbers in any file; the defaults where null.</param>
    /// <param name="rows">The most rows of a batch, at least 1.</param>
    /// <returns>The batches in the file's order: at least one, each of at least one row, with the rows left out since the last.</returns>
    /// <inheritdoc cref="Read(string, IReadOnlyList{string}, CsvOptions?)" path="/exception"/>
    public static IEnumerable<Table> Batches(
        string path, IReadOnlyList<string> columns, CsvOptions? options = null, int rows = UsualRows)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        return Read();

        IEnumerable<Table> Read()
        {
            using TableRows reader = Open(path, options);
            reader.Choose(columns);
            List<double>[] values = [.. columns.Select(_ => new List<double>())];
            long dropped = 0;
            bool isEmpty = true;
            while (reader.Read(values, rows) > 0)
            {
                isEmpty = false;
                yield return new Table(path, columns, Array.ConvertAll(values, column => column.ToArray()))
                {
                    DroppedRows = reader.DroppedRows - dropped,
                };
                dropped = reader.DroppedRows;
                Array.ForEach(values, column => column.Clear());
            }

            if (isEmpty)
            {
                throw reader.NoData();
            }
        }
    }
}
