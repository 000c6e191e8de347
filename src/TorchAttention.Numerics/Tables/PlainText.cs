using System.Globalization;

namespace TorchAttention.Numerics.Tables;

/// <summary>Text from a file or a command line as part of a message.</summary>
public static class PlainText
{
    /// <summary>Writes what would break a line, move the cursor or not be seen as C# and JSON do: <c>\n</c>, <c>\u001b</c>.</summary>
    public static string Of(string text) => string.Concat(text.Select(Escaped));

    private static string Escaped(char c) => c switch
    {
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        _ when IsSeen(c) => c.ToString(),
        _ => string.Create(CultureInfo.InvariantCulture, $@"\u{(int)c:x4}"),
    };

    private static bool IsSeen(char c) => CharUnicodeInfo.GetUnicodeCategory(c)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
