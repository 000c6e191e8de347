using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>Which styles of a workbook show a number as a date, a time or a duration.</summary>
internal sealed class CellStyles
{
    private const int BuiltInElapsed = 46;

    private readonly Dictionary<int, ColumnKind> _kinds = [];

    public CellStyles()
    {
    }

    /// <param name="part">The styles' part, which is closed.</param>
    public CellStyles(Markup part)
    {
        using Markup closed = part;
        var formats = new Dictionary<int, ColumnKind> { [BuiltInElapsed] = ColumnKind.Duration };
        int style = 0;
        bool isInCells = false;
        while (part.Read())
        {
            bool begins = part.Kind == MarkupKind.Element;
            isInCells = part.Name == "cellXfs" ? begins && !part.IsEmpty : isInCells;
            if (begins && part.Name == "numFmt")
            {
                formats[part.Number("numFmtId") ?? 0] = KindOf(part.Attribute("formatCode") ?? "");
            }
            else if (begins && part.Name == "xf" && isInCells)
            {
                int format = part.Number("numFmtId") ?? 0;
                ColumnKind written = formats.GetValueOrDefault(format);
                _kinds[style++] = written == ColumnKind.Number && IsBuiltInDate(format) ? ColumnKind.Date : written;
            }
        }
    }

    /// <summary>What a style shows a number as: a date or a time of the day, a duration of any length, or a number.</summary>
    public ColumnKind KindOf(int style) => _kinds.GetValueOrDefault(style);

    // Formats that a workbook does not write out; the later ones are those of Asian calendars.
    private static bool IsBuiltInDate(int format) =>
        format is (>= 14 and <= 22) or (>= 27 and <= 36) or (>= 45 and <= 47) or (>= 50 and <= 58);

    // A letter of years, months, days, hours or seconds that is not quoted, escaped or part of a colour or a currency; hours, minutes or
    // seconds in brackets are counted beyond a day.
    private static ColumnKind KindOf(string format)
    {
        bool isQuoted = false;
        for (int i = 0; i < format.Length; i++)
        {
            switch (format[i])
            {
                case '"':
                    isQuoted = !isQuoted;
                    break;
                case '\\' or '_' or '*' when !isQuoted:
                    i++;
                    break;
                case '[' when !isQuoted:
                    int end = format.IndexOf(']', i);
                    bool isElapsed = end > i + 1 && format[(i + 1)..end].All(letter => "hmsHMS".Contains(letter));
                    if (isElapsed)
                    {
                        return ColumnKind.Duration;
                    }

                    i = end < 0 ? format.Length : end;
                    break;
                case 'G' or 'g' when !isQuoted && format.AsSpan(i).StartsWith("General", StringComparison.OrdinalIgnoreCase):
                    i += "General".Length - 1;
                    break;
                case 'y' or 'm' or 'd' or 'h' or 's' or 'Y' or 'M' or 'D' or 'H' or 'S' when !isQuoted:
                    return ColumnKind.Date;
            }
        }

        return ColumnKind.Number;
    }
}
