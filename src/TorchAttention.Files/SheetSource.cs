using System.Globalization;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>
/// The first visible sheet of an Excel workbook, some thousand rows at a time: names in its first row, blank rows passed over.
/// </summary>
internal sealed class SheetSource : TableSource
{
    private const int BlockRows = 1 << 12;
    private static readonly byte[] _oldMark = [0xd0, 0xcf, 0x11, 0xe0];

    private readonly SheetCells _cells;
    private readonly int _first;
    private readonly string[] _header;
    private readonly int _headerRow;
    private readonly List<int> _rows = [];
    private readonly List<double>[] _values;
    private readonly List<string?>[] _texts;

    private SheetSource(string name, SheetCells cells)
        : base(name)
    {
        _cells = cells;
        if (!cells.Next())
        {
            throw new TableException(TableProblem.Empty, name) { Expected = "a header row and data", Found = "an empty sheet" };
        }

        if (cells.Cells.TrueForAll(cell => cell.Text is null))
        {
            throw new TableException(TableProblem.NoHeader, name)
            {
                Row = cells.Row,
                Expected = "a header row with the columns' names",
                Found = $"numbers ('{cells.Cells[0].Number.ToString(CultureInfo.InvariantCulture)}')",
            };
        }

        _headerRow = cells.Row;
        _first = cells.Cells.Min(cell => cell.Column);
        _header = new string[cells.Cells.Max(cell => cell.Column) - _first + 1];
        Array.Fill(_header, "");
        foreach ((int column, double number, string? text) in cells.Cells)
        {
            _header[column - _first] = text ?? number.ToString(CultureInfo.InvariantCulture);
        }

        _values = Array.ConvertAll(_header, _ => new List<double>());
        _texts = Array.ConvertAll(_header, _ => new List<string?>());
    }

    public override IReadOnlyList<string> Header => _header;

    public override int? HeaderRow => _headerRow;

    public override int Count => _rows.Count;

    /// <param name="stream">The file, which is closed with this.</param>
    /// <param name="name">What it is called in messages.</param>
    public static SheetSource Open(Stream stream, string name)
    {
        byte[] start = new byte[_oldMark.Length];
        stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        if (start.AsSpan().SequenceEqual(_oldMark))
        {
            throw new TableException(TableProblem.Damaged, name)
            {
                Expected = "an Excel workbook",
                Found = "one of the old kind (.xls) or with a password; save it as .xlsx without one",
            };
        }

        var cells = new SheetCells(new Workbook(stream));
        try
        {
            return new SheetSource(name, cells);
        }
        catch
        {
            cells.Dispose();
            throw;
        }
    }

    public override bool Next()
    {
        _rows.Clear();
        Array.ForEach(_values, column => column.Clear());
        Array.ForEach(_texts, column => column.Clear());
        while (_rows.Count < BlockRows && _cells.Next())
        {
            _rows.Add(_cells.Row);
            Array.ForEach(_values, column => column.Add(double.NaN));
            Array.ForEach(_texts, column => column.Add(null));
            foreach ((int column, double number, string? text) in _cells.Cells)
            {
                int place = column - _first;
                if (place < 0 || place >= _header.Length)
                {
                    string last = SheetCells.Letters(_first + _header.Length - 1);
                    throw new TableException(TableProblem.Ragged, Name)
                    {
                        Row = _cells.Row,
                        Expected = $"cells in the header's columns {SheetCells.Letters(_first)} to {last} alone",
                        Found = $"'{text ?? number.ToString(CultureInfo.InvariantCulture)}' in column {SheetCells.Letters(column)}",
                    };
                }

                _values[place][^1] = number;
                _texts[place][^1] = text;
            }
        }

        return _rows.Count > 0;
    }

    public override long RowAt(int row) => _rows[row];

    public override Fields Numbers(int place) => new(
        [.. _values[place]], _texts[place].TrueForAll(text => text is null) ? null : [.. _texts[place]]);

    public override string?[] Texts(int place) => [.. _texts[place].Select(
        (text, i) => text ?? (double.IsNaN(_values[place][i]) ? null : _values[place][i].ToString(CultureInfo.InvariantCulture)))];

    public override void Dispose() => _cells.Dispose();
}
