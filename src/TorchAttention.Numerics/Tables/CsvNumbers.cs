using csFastFloat;

namespace TorchAttention.Numerics.Tables;

/// <summary>Numbers as a file writes them: its decimal mark, and what stands between groups of three digits.</summary>
internal sealed class CsvNumbers
{
    private readonly char _point;
    private readonly char? _thousands;
    private readonly CultureInfo _culture;

    /// <param name="options">How the file is written.</param>
    public CsvNumbers(CsvOptions options)
    {
        _point = options.DecimalComma ? ',' : '.';
        _thousands = options.Thousands;
        _culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        _culture.NumberFormat.NumberDecimalSeparator = _point.ToString();
    }

    /// <summary>What was expected where a field is no number.</summary>
    public string Expected(ReadOnlySpan<char> field) => _thousands is char mark && field.Contains(mark)
        ? $"a number in groups of three digits with '{mark}' between them"
        : "a number";

    /// <summary>Reads a number, which may be infinite.</summary>
    public bool TryRead(ReadOnlySpan<char> field, out double number)
    {
        number = 0;
        if (_thousands is char mark && field.Contains(mark))
        {
            if (!IsGrouped(field, mark))
            {
                return false;
            }

            field = field.ToString().Replace(mark.ToString(), "", StringComparison.Ordinal);
        }

        // Four times as fast as .NET's, with the same bits; it stops where it understands no more, and knows other infinities.
        bool isRead = FastDoubleParser.TryParseDouble(field, out int read, out number, NumberStyles.Float, _point)
            && read == field.Length && double.IsFinite(number);

        // .NET's parser overlooks trailing NULs, which a damaged file may well have.
        return isRead || (double.TryParse(field, NumberStyles.Float, _culture, out number) && !field.Contains('\0'));
    }

    private bool IsGrouped(ReadOnlySpan<char> field, char mark)
    {
        int point = field.IndexOf(_point);
        ReadOnlySpan<char> whole = (point < 0 ? field : field[..point]).TrimStart("+-");
        bool isGrouped = whole.IndexOf(mark) is >= 1 and <= 3 && whole.Count(mark) == field.Count(mark);
        for (int end = whole.Length; isGrouped && end > 0; end -= 4)
        {
            isGrouped = (end < 4 || whole[end - 4] == mark) && !whole[Math.Max(0, end - 3)..end].ContainsAnyExceptInRange('0', '9');
        }

        return isGrouped;
    }
}
