using System.Buffers;

namespace TorchAttention.Cli.Output;

/// <summary>Rows of a CSV file that is written, in the dialect that its neighbour was read in.</summary>
/// <param name="writer">Where they go.</param>
/// <param name="dialect">Delimiter and decimal mark.</param>
internal sealed class CsvText(TextWriter writer, CsvOptions dialect) : RowText
{
    private readonly SearchValues<char> _special = SearchValues.Create(['"', '\r', '\n', dialect.Delimiter]);
    private bool _isFirst = true;

    /// <summary>Text of a file with commas, quoted where it must be.</summary>
    public static string Field(string text) =>
        text.AsSpan().ContainsAny("\",\r\n") || text.Length != text.Trim().Length ? Quoted(text) : text;

    /// <inheritdoc/>
    public override void WriteNames(IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            Add(name);
        }

        End();
    }

    /// <inheritdoc/>
    public override void Add(string text)
    {
        Begin();
        writer.Write(text.AsSpan().ContainsAny(_special) || text.Length != text.Trim().Length ? Quoted(text) : text);
    }

    /// <inheritdoc/>
    public override void Add(double number)
    {
        Begin();
        Span<char> buffer = stackalloc char[32];
        number.TryFormat(buffer, out int length, "R", CultureInfo.InvariantCulture);
        if (dialect.DecimalComma)
        {
            buffer[..length].Replace('.', ',');
        }

        writer.Write(buffer[..length]);
    }

    /// <inheritdoc/>
    public override void End()
    {
        writer.WriteLine();
        _isFirst = true;
    }

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private void Begin()
    {
        if (!_isFirst)
        {
            writer.Write(dialect.Delimiter);
        }

        _isFirst = false;
    }
}
