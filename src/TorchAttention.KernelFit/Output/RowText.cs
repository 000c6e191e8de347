namespace TorchAttention.Cli.Output;

/// <summary>Rows of text and numbers that are written one after another, in a format that a file's ending names.</summary>
internal abstract class RowText
{
    private const string Parquet = ".parquet";

    private static readonly Dictionary<string, Func<TextWriter, CsvOptions, RowText>> _formats = new(StringComparer.OrdinalIgnoreCase)
    {
        [".csv"] = (writer, dialect) => new CsvText(writer, dialect),
        [".json"] = (writer, _) => new JsonRows(writer, isList: true),
        [".jsonl"] = (writer, _) => new JsonRows(writer, isList: false),
    };

    /// <summary>Whether a file's ending names a format; one without an ending is CSV.</summary>
    public static bool IsKnown(string file) =>
        Path.GetExtension(file) is "" or "." || IsParquet(file) || _formats.ContainsKey(Path.GetExtension(file));

    /// <summary>Whether a file's ending names Parquet, which is no text.</summary>
    public static bool IsParquet(string file) => Path.GetExtension(file).Equals(Parquet, StringComparison.OrdinalIgnoreCase);

    /// <summary>The endings, for messages.</summary>
    public static string Endings => string.Join(", ", _formats.Keys.Append(Parquet));

    /// <summary>Rows in the format of a file that is text.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="writer">Where they go.</param>
    /// <param name="dialect">How CSV is written.</param>
    public static RowText Create(string file, TextWriter writer, CsvOptions dialect) =>
        _formats.GetValueOrDefault(Path.GetExtension(file), _formats[".csv"])(writer, dialect);

    /// <summary>Names the columns, before the first row.</summary>
    public abstract void WriteNames(IReadOnlyList<string> names);

    /// <summary>Adds text to the row.</summary>
    public abstract void Add(string text);

    /// <summary>Adds a number to the row, in the fewest digits that give it back.</summary>
    public abstract void Add(double number);

    /// <summary>Ends the row.</summary>
    public abstract void End();

    /// <summary>Ends what the rows are in.</summary>
    public virtual void Finish()
    {
    }
}
