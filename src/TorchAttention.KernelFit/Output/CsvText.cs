namespace TorchAttention.Cli.Output;

/// <summary>Fields of a CSV file that is written.</summary>
internal static class CsvText
{
    /// <summary>Text, quoted where it must be.</summary>
    public static string Field(string text) =>
        text.AsSpan().ContainsAny("\",\r\n") || text.Length != text.Trim().Length
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
}
