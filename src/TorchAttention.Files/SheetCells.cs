using System.Globalization;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>The cells of a sheet that are not empty, row by row.</summary>
internal sealed class SheetCells : IDisposable
{
    // The last column of Excel is XFD.
    private const int MostColumns = 1 << 14;
    private const string NotAvailable = "#N/A";
    private const double DaysBefore1904 = 1462;
    private const double HoursADay = 24;

    // Days that .NET has a date for: to the end of the year 9999, and Excel's own first year begins with day 1.
    private const double MostDays = 2_958_466;

    private readonly Workbook _book;
    private readonly Markup _part;

    public SheetCells(Workbook book)
    {
        _book = book;
        _part = book.ReadSheet();
    }

    /// <summary>The row, as the sheet counts; 0 before the first.</summary>
    public int Row { get; private set; }

    /// <summary>The row's cells: the column, from 0 on, and a number, or text and a NaN.</summary>
    public List<(int Column, double Number, string? Text)> Cells { get; } = [];

    /// <summary>Goes on to the next row that has a cell.</summary>
    /// <returns>Whether there is one.</returns>
    public bool Next()
    {
        Cells.Clear();
        while (Cells.Count == 0 && _part.Read() && _part is not { Kind: MarkupKind.End, Name: "sheetData" })
        {
            if (_part is { Kind: MarkupKind.Element, Name: "row" })
            {
                Row = _part.Number("r") ?? Row + 1;
                ReadRow();
            }
        }

        return Cells.Count > 0;
    }

    public void Dispose()
    {
        _part.Dispose();
        _book.Dispose();
    }

    /// <summary>A column's letters, as the sheet shows them.</summary>
    public static string Letters(int column)
    {
        string letters = "";
        for (int rest = column + 1; rest > 0; rest = (rest - 1) / 26)
        {
            letters = (char)('A' + ((rest - 1) % 26)) + letters;
        }

        return letters;
    }

    private void ReadRow()
    {
        int depth = _part.Depth;
        int next = 0;
        bool isEmpty = _part.IsEmpty;
        while (!isEmpty && _part.Read() && _part.Depth >= depth)
        {
            if (_part is { Kind: MarkupKind.Element, Name: "c" })
            {
                int column = _part.Attribute("r") is string place ? ColumnOf(place) : next;
                next = column + 1;
                ReadCell(column);
            }
        }
    }

    private void ReadCell(int column)
    {
        string? type = _part.Attribute("t");
        int? style = _part.Number("s");
        string value = "";
        int depth = _part.Depth;
        bool isEmpty = _part.IsEmpty;
        while (!isEmpty && _part.Read() && _part.Depth >= depth)
        {
            // What a formula says is passed over: its value stands beside it.
            if (_part.Kind == MarkupKind.Element && _part.Name is "v" or "is")
            {
                value = _part.Name == "v" ? _part.Content() : Workbook.Runs(_part);
            }
        }

        if (!string.IsNullOrWhiteSpace(value))
        {
            Add(column, type, style, value);
        }
    }

    private void Add(int column, string? type, int? style, string value)
    {
        switch (type)
        {
            case "s":
                AddText(column, _book.Shared[int.Parse(value.Trim(), NumberStyles.None, CultureInfo.InvariantCulture)]);
                break;
            case "b":
                Cells.Add((column, value.Trim() is "1" or "true" ? 1 : 0, null));
                break;
            case "str" or "inlineStr" or "d" or "e":
                AddText(column, value);
                break;
            default:
                double number = double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture);
                ColumnKind kind = style is int shown ? _book.Styles.KindOf(shown) : ColumnKind.Number;
                Cells.Add(kind == ColumnKind.Number ? (column, number, null) : (column, double.NaN, TimeText(number, kind)));
                break;
        }
    }

    private void AddText(int column, string text)
    {
        if (!string.IsNullOrWhiteSpace(text) && text != NotAvailable)
        {
            Cells.Add((column, double.NaN, text.Trim()));
        }
    }

    // Excel takes 1900 for a leap year: days before its 29 February, which there was none of, are one later.
    private string TimeText(double days, ColumnKind kind)
    {
        if (kind == ColumnKind.Duration && Math.Abs(days) < MostDays)
        {
            return kind.Format(days * HoursADay);
        }

        double since1900 = _book.StartsIn1904 ? days + DaysBefore1904 : days;
        return since1900 is not (>= 0 and < MostDays) ? days.ToString(CultureInfo.InvariantCulture)
            : since1900 < 1 ? CellText.Format(TimeOnly.FromTimeSpan(TimeSpan.FromDays(since1900)))
            : CellText.Format(DateTime.FromOADate(since1900 < 60 ? since1900 + 1 : since1900));
    }

    private static int ColumnOf(string place)
    {
        int column = 0;
        foreach (char letter in place.TakeWhile(char.IsAsciiLetterUpper))
        {
            column = (column * 26) + letter - 'A' + 1;
            if (column > MostColumns)
            {
                break;
            }
        }

        return column is >= 1 and <= MostColumns ? column - 1 : throw new InvalidDataException($"a cell at {place}");
    }
}
