using System.Buffers;
using System.Text;

namespace TorchAttention.Numerics.Tables;

/// <summary>Text from a file or a command line as part of a message.</summary>
internal static class PlainText
{
    private const int MostCharacters = 40;
    private const int MostNames = 12;

    /// <summary>
    /// Writes what would break a line, move the cursor, turn the order of letters or not be seen as C# and JSON do: <c>\n</c>,
    /// <c>\u001b</c>, <c>\u202e</c>.
    /// </summary>
    /// <param name="text">The text.</param>
    public static string Escape(string text) => Plain(text, keepsLines: false);

    /// <summary>The same for text of several lines: line breaks and tabs stay.</summary>
    /// <param name="text">The text.</param>
    public static string OfLines(string text) => Plain(text, keepsLines: true);

    /// <summary>As <see cref="Escape"/>, and no longer than a message has room for; an ellipsis stands for the rest.</summary>
    /// <param name="text">The text.</param>
    /// <param name="most">The most characters of it.</param>
    public static string Brief(string text, int most = MostCharacters)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= most ? Escape(text) : Escape(text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)]) + "…";
    }

    /// <summary>Names in a row, each as <see cref="Brief"/>, the first of many.</summary>
    /// <param name="names">The names.</param>
    /// <param name="mark">What stands around each, a quotation mark say.</param>
    public static string List(IReadOnlyList<string> names, string mark = "")
    {
        ArgumentNullException.ThrowIfNull(names);
        string shown = string.Join(", ", names.Take(MostNames).Select(name => $"{mark}{Brief(name)}{mark}"));
        return names.Count > MostNames ? $"{shown} and {names.Count - MostNames} more" : shown;
    }

    /// <summary>What a misspelt name was probably meant to be, as part of a message: " (did you mean 'times'?)".</summary>
    /// <param name="name">What came.</param>
    /// <param name="names">What there is.</param>
    /// <returns>The phrase; empty where nothing is near.</returns>
    public static string DidYouMean(string name, IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(names);
        const int LongestName = 100;
        (string Name, int Changes) nearest = names.Where(other => Math.Max(other.Length, name.Length) <= LongestName)
            .Select(other => (other, Changes(name.ToUpperInvariant(), other.ToUpperInvariant()))).DefaultIfEmpty(("", int.MaxValue))
            .MinBy(other => other.Item2);
        return nearest.Changes <= name.Length / 3 ? $" (did you mean '{Brief(nearest.Name)}'?)" : "";
    }

    // The least letters to add, take away, replace or exchange with their neighbours (Damerau and Levenshtein).
    private static int Changes(string a, string b)
    {
        int[,] least = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                least[i, j] = i == 0 || j == 0 ? i + j
                    : Math.Min(
                        least[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), Math.Min(least[i - 1, j], least[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    least[i, j] = Math.Min(least[i, j], least[i - 2, j - 2] + 1);
                }
            }
        }

        return least[a.Length, b.Length];
    }

    private static string Plain(string text, bool keepsLines)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length + 16);
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            // Half of a pair is no letter, and what a terminal makes of it is its own affair.
            bool isWhole = Rune.DecodeFromUtf16(rest, out Rune rune, out int length) == OperationStatus.Done;
            if (isWhole && (IsSeen(rune) || (keepsLines && rune.Value is '\n' or '\t')))
            {
                plain.Append(rest[..length]);
            }
            else
            {
                plain.Append(Escaped(isWhole ? rune.Value : rest[0]));
            }

            rest = rest[length..];
        }

        return plain.ToString();
    }

    private static string Escaped(int character) => character switch
    {
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        <= char.MaxValue => @"\u" + character.ToString("x4", CultureInfo.InvariantCulture),
        _ => @"\U" + character.ToString("x8", CultureInfo.InvariantCulture),
    };

    private static bool IsSeen(Rune rune) => !IsBlank(rune.Value) && Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    // Letters and marks by their category that nothing is drawn for (Unicode's Default_Ignorable_Code_Point), the selectors of a variant
    // aside, which change the letter before them.
    private static bool IsBlank(int character) =>
        character is 0x34f or 0x115f or 0x1160 or 0x17b4 or 0x17b5 or (>= 0x180b and <= 0x180f) or 0x3164 or 0xffa0
            or (>= 0xfff0 and <= 0xfff8) or (>= 0xe0000 and <= 0xe0fff);
}
