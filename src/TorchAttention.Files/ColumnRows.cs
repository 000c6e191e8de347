using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>The rows of a file that is held by columns, with what CSV says of missing values, signs and texts.</summary>
internal sealed class ColumnRows : TableRows
{
    private readonly TableSource _source;
    private Fields[] _chosen = [];
    private string?[]? _labels;
    private string?[][] _kept = [];
    private bool _isOne;
    private bool _isRead;
    private int _at;
    private int _count;

    public ColumnRows(TableSource source, CsvOptions options)
        : base(source.Name, options)
    {
        _source = source;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Header => _source.Header;

    /// <summary>How many blocks of rows there are that <see cref="Only"/> takes; 0 where they only come one after the other.</summary>
    public int Blocks => _source.Blocks;

    /// <summary>How far the file was read, in bytes.</summary>
    public long BytesRead => _source.BytesRead;

    /// <summary>Reads one block alone, from the next <see cref="Read"/> on. Errors do not say the right row then.</summary>
    public void Only(int block)
    {
        _source.GoTo(block);
        (_isOne, _isRead, _at, _count) = (true, false, 0, 0);
    }

    private protected override string DataPlace => HeaderRow is null ? "rows of data" : "data below the header row";

    private protected override int? HeaderRow => _source.HeaderRow;

    private protected override string Described =>
        (Header.Count == 1 ? "its only column is " : "its columns are ") + PlainText.List(Header, "'");

    /// <inheritdoc/>
    public override int Read(
        IReadOnlyList<List<double>> values, int most, List<string>? labels = null, IReadOnlyList<List<string>>? kept = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        int added = 0;
        while ((added < most || IsCounting) && (_at < _count || NextBlock(kept is not null)))
        {
            int rows = IsCounting ? _count - _at : Math.Min(_count - _at, most - added);
            if (ArePlain(rows))
            {
                for (int i = 0; i < _chosen.Length; i++)
                {
                    values[i].AddRange(_chosen[i].Values.AsSpan(_at, rows));
                }

                (added, _at) = (added + rows, _at + rows);
            }
            else
            {
                for (int end = _at + rows; _at < end; _at++)
                {
                    added += Add(values, labels, kept) ? 1 : 0;
                }
            }
        }

        return IsCounting ? throw Missing() : added;
    }

    private protected override void Close() => _source.Dispose();

    private bool NextBlock(bool keeps)
    {
        bool isThere = !(_isOne && _isRead) && _source.Next();
        _isRead = true;
        (_at, _count) = (0, isThere ? _source.Count : 0);
        _chosen = isThere ? Array.ConvertAll(Places, _source.Numbers) : [];
        _labels = isThere && LabelPlace >= 0 ? _source.Texts(LabelPlace) : null;
        _kept = isThere && keeps ? Array.ConvertAll(KeptPlaces, _source.Texts) : [];
        return isThere;
    }

    // Finite numbers and nothing beside them are copied as they are.
    private bool ArePlain(int rows) => !IsCounting && _labels is null && _kept.Length == 0
        && !Array.Exists([.. Enumerable.Range(0, _chosen.Length)], IsOther) && Array.TrueForAll(
            _chosen, fields => fields.AreNumbers(_at, rows))
        && (NotNegative is null || (!IsWhole && !_chosen[Array.IndexOf(Columns, NotNegative)].Values.AsSpan(_at, rows).ContainsAnyInRange(
            double.MinValue, -double.Epsilon)));

    private bool Add(IReadOnlyList<List<double>> values, List<string>? labels, IReadOnlyList<List<string>>? kept)
    {
        int missing = Enumerable.Range(0, _chosen.Length).FirstOrDefault(i => IsMissingHere(_chosen[i]) && !MayMissIn(i), -1);
        bool isLabelMissing = _labels is not null && string.IsNullOrWhiteSpace(_labels[_at]);
        if (missing >= 0 || isLabelMissing)
        {
            int place = missing >= 0 ? Places[missing] : LabelPlace;
            Miss(_source.RowAt(_at), place, missing >= 0 ? _source.Texts(place)[_at] ?? "" : "");
            return false;
        }

        if (IsCounting)
        {
            return false;
        }

        for (int i = 0; i < _chosen.Length; i++)
        {
            values[i].Add(
                IsMissingHere(_chosen[i]) && MayMissIn(i) ? MissingIn(i, _source.RowAt(_at)) : Number(_chosen[i], i));
        }

        if (_labels is not null)
        {
            string label = _labels[_at]!.Trim();
            labels?.Add(RefusedLabel(label) is not string expected ? label
                : throw Wrong(TableProblem.UnknownName, expected, label, Header[LabelPlace]));
        }

        for (int i = 0; i < _kept.Length; i++)
        {
            kept![i].Add(_kept[i][_at]?.Trim() ?? "");
        }

        return true;
    }

    private bool IsMissingHere(Fields fields) =>
        double.IsNaN(fields.Values[_at]) && (fields.Texts is null || IsMissing(fields.Texts[_at].AsSpan().Trim()));

    private double Number(Fields fields, int i)
    {
        string column = Columns[i];
        double number = fields.Values[_at];
        string? text = fields.Texts?[_at]?.Trim();
        if (IsCategory(i))
        {
            return Level(Text());
        }

        if (text is not null && double.IsNaN(number))
        {
            if (TryRead(i, text, out number) is string expected)
            {
                throw Wrong(TableProblem.NotANumber, expected, text, column);
            }

            if (IsCategory(i))
            {
                return Level(text);
            }
        }
        else if (Claim(i) is string expected)
        {
            throw Wrong(TableProblem.NotANumber, expected, Text(), column);
        }

        return Refused(number, column) is string wanted ? throw Wrong(TableProblem.Negative, wanted, Text(), column)
            : double.IsFinite(number) ? number : throw Wrong(TableProblem.NotFinite, "a finite number", Text(), column);

        double Level(string name)
        {
            TryRead(i, name, out double level);
            return RefusedLevel(i, level) is not string known ? level : throw Wrong(TableProblem.UnknownName, known, name, column);
        }

        string Text() => text ?? number.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private TableException Wrong(TableProblem kind, string expected, string found, string column) => new(kind, Name)
    {
        Row = _source.RowAt(_at),
        Column = column,
        Expected = expected,
        Found = found,
    };
}
