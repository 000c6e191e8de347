namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Reads the columns one asks for from a table, some rows at a time: name them by <see cref="Choose"/>, then <see cref="Read"/> until it
/// gives 0.
/// </summary>
public abstract partial class TableRows : IDisposable
{
    // What a row stands for at most: more is no count, and would be read for hours.
    private const int MostCopies = 1_000_000_000;

    private const int LongestMissing = 4;
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _missing = new HashSet<string>(
        StringComparer.OrdinalIgnoreCase) { "", "NA", "N/A", "NaN", "null", "-", ".", "?" }.GetAlternateLookup<ReadOnlySpan<char>>();

    private readonly MissingValues _rule;
    private readonly CsvNumbers _numbers;
    private readonly TimeReader _times;
    private ColumnKind?[] _kinds = [];
    private long _firstMissingRow;
    private string _firstMissingColumn = "";
    private string _firstMissing = "";
    private long _rowsWithMissing;

    private protected TableRows(string name, CsvOptions options)
    {
        Name = name;
        _rule = options.Missing;
        _numbers = new CsvNumbers(options);
        _times = new TimeReader(options.Dates);
    }

    /// <summary>The columns' names.</summary>
    public abstract IReadOnlyList<string> Header { get; }

    /// <summary>How many rows were left out because a number was missing.</summary>
    public long DroppedRows => _rule == MissingValues.Drop ? _rowsWithMissing : 0;

    /// <summary>What the chosen columns are; numbers where that was to be found out, and no row has been read.</summary>
    public IReadOnlyList<ColumnKind> Kinds => Array.ConvertAll(_kinds, kind => kind ?? ColumnKind.Number);

    /// <summary>What the table is called in messages.</summary>
    private protected string Name { get; }

    /// <summary>The columns to read as numbers, and their places in the header.</summary>
    private protected string[] Columns { get; private set; } = [];

    private protected int[] Places { get; private set; } = [];

    /// <summary>The column of numbers that are at least 0; null for none.</summary>
    private protected string? NotNegative { get; private set; }

    /// <summary>Whether these are whole numbers.</summary>
    private protected bool IsWhole { get; private set; }

    /// <summary>The chosen column whose missing numbers are NaN; negative for none.</summary>
    private protected int MayMiss { get; private set; } = -1;

    /// <summary>The place of the column to read as text; negative for none.</summary>
    private protected int LabelPlace { get; private set; } = -1;

    /// <summary>The places of the columns whose text is kept.</summary>
    private protected int[] KeptPlaces { get; private set; } = [];

    /// <summary>A first missing number is an error; all that follow are counted before it is one.</summary>
    private protected bool IsCounting => _rule == MissingValues.Error && _rowsWithMissing > 0;

    /// <summary>Names the columns to read as numbers, and one to read as text.</summary>
    /// <param name="columns">Names of the header, in the order wanted.</param>
    /// <param name="label">The column of text; null for none.</param>
    /// <param name="notNegative">The column of numbers, one of weights say, that are at least 0; null for none.</param>
    /// <param name="kinds">What the first of the columns are; null where the first row is to say it. The others are numbers.</param>
    /// <param name="mayMiss">The one of the columns whose missing numbers are read as NaN; null for none.</param>
    /// <exception cref="TableException">The header does not have one of them, or has it more than once.</exception>
    public void Choose(
        IReadOnlyList<string> columns, string? label = null, string? notNegative = null, IReadOnlyList<ColumnKind?>? kinds = null,
        string? mayMiss = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        Columns = [.. columns];
        _kinds = [.. columns.Select((_, i) => kinds is not null && i < kinds.Count ? kinds[i] : ColumnKind.Number)];
        _levels = new OrderedDictionary<string, bool>?[Columns.Length];
        Places = Array.ConvertAll(Columns, Find);
        LabelPlace = label is null ? -1 : Find(label);
        NotNegative = notNegative;
        MayMiss = mayMiss is null ? -1 : Array.IndexOf(Columns, mayMiss);
    }

    /// <summary>Says that the numbers of the column that are at least 0 are whole, too.</summary>
    internal void ExpectWhole() => IsWhole = true;

    /// <summary>What was expected of a number of a column that is at least 0; null where it is right, or in another column.</summary>
    private protected string? Refused(double number, string column) =>
        column != NotNegative || (number >= 0 && !(IsWhole && (number != Math.Floor(number) || number > MostCopies))) ? null
            : !IsWhole ? "a number of at least 0"
            : number > MostCopies ? $"a whole number of at most {MostCopies}"
            : "a whole number of at least 0";

    /// <summary>Names columns whose text is kept beside the numbers, without the blanks around it.</summary>
    /// <param name="columns">Names of the header, in the order wanted.</param>
    /// <exception cref="TableException">The header does not have one of them, or has it more than once.</exception>
    public void Keep(IReadOnlyList<string> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        KeptPlaces = [.. columns.Select(Find)];
    }

    /// <summary>Reads the next rows.</summary>
    /// <param name="values">A list for each chosen column, which the numbers are added to.</param>
    /// <param name="most">The most rows to read.</param>
    /// <param name="labels">A list that the text of the chosen column is added to; null where none was chosen.</param>
    /// <param name="kept">A list for each column that is kept, which its text is added to; none where null.</param>
    /// <returns>How many rows were added; 0 at the end.</returns>
    /// <exception cref="TableException">The file is damaged, or a chosen field is not a finite number.</exception>
    public abstract int Read(
        IReadOnlyList<List<double>> values, int most, List<string>? labels = null, IReadOnlyList<List<string>>? kept = null);

    /// <summary>The error for a file whose rows have nothing to read.</summary>
    public TableException NoData() => DroppedRows > 0
        ? new TableException(TableProblem.Empty, Name) { Expected = "rows without missing numbers", Found = $"none among {DroppedRows}" }
        : new TableException(TableProblem.Empty, Name) { Expected = DataPlace, Found = "none" };

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads a number as the file writes it, whatever its column is.</summary>
    private protected bool IsNumber(ReadOnlySpan<char> field) => _numbers.TryRead(field, out _);

    /// <summary>Reads a field of a chosen column; the first one says what the column is where that is not known.</summary>
    /// <returns>What was expected where it is none; null where it is read.</returns>
    private protected string? TryRead(int column, ReadOnlySpan<char> field, out double number)
    {
        ColumnKind? kind = _kinds[column];
        if (kind == ColumnKind.Category)
        {
            number = LevelOf(column, field.ToString());
            return null;
        }

        if (kind is null or ColumnKind.Number && _numbers.TryRead(field, out number))
        {
            _kinds[column] = ColumnKind.Number;
            return null;
        }

        number = double.NaN;
        if (kind == ColumnKind.Number)
        {
            return _numbers.Expected(field);
        }

        bool isTime = _times.TryRead(field, out number, out ColumnKind found);
        if (kind is null && !isTime && !field.ContainsAnyInRange('0', '9') && !field.TrimStart("+-").StartsWith(
            "inf", StringComparison.OrdinalIgnoreCase))
        {
            _kinds[column] = ColumnKind.Category;
            number = LevelOf(column, field.ToString());
            return null;
        }

        if (kind is null && !isTime)
        {
            return IsDateWithSlashes(field) ? _times.ExpectedSlashes ?? "a date that begins with its year" : _numbers.Expected(field);
        }

        _kinds[column] = kind ??= found;
        return isTime && found == kind ? null
            : (IsDateWithSlashes(field) ? _times.ExpectedSlashes : null) ?? TimeReader.Expected(kind.Value);
    }

    /// <summary>Takes a number of a column of numbers.</summary>
    /// <returns>What was expected where the column is of another kind; null where it is right.</returns>
    private protected string? Claim(int column)
    {
        ColumnKind kind = _kinds[column] ??= ColumnKind.Number;
        return kind == ColumnKind.Number ? null : TimeReader.Expected(kind);
    }

    private static bool IsDateWithSlashes(ReadOnlySpan<char> field) =>
        field.Length > 0 && field.Count('/') == 2 && field.ContainsAnyInRange('0', '9');

    /// <summary>Whether a text says that its value is missing.</summary>
    private protected static bool IsMissing(ReadOnlySpan<char> field) => field.Length <= LongestMissing && _missing.Contains(field);

    /// <summary>Where data are expected, as part of a sentence.</summary>
    private protected abstract string DataPlace { get; }

    /// <summary>The row of the header; null where it is none.</summary>
    private protected abstract int? HeaderRow { get; }

    /// <summary>The columns that there are, as part of a sentence.</summary>
    private protected abstract string Described { get; }

    private protected abstract void Close();

    /// <summary>Takes note of a row in which a value is missing.</summary>
    private protected void Miss(long row, int place, string found)
    {
        if (_rowsWithMissing++ == 0)
        {
            (_firstMissingRow, _firstMissingColumn, _firstMissing) = (row, Header[place], found);
        }
    }

    /// <summary>The error for the rows that were taken note of.</summary>
    private protected TableException Missing() => new(TableProblem.Missing, Name)
    {
        Row = _firstMissingRow,
        Column = _firstMissingColumn,
        Expected = Array.IndexOf(Columns, _firstMissingColumn) is >= 0 and int column
            ? TimeReader.Expected(_kinds[column] ?? ColumnKind.Number) : "text",
        Found = _firstMissing,
        Rows = _rowsWithMissing,
    };

    private int Find(string column)
    {
        int[] places = [.. Header.Index().Where(other => other.Item == column).Select(other => other.Index)];
        return places.Length switch
        {
            1 => places[0],
            0 => throw new TableException(TableProblem.NoColumn, Name)
            {
                Column = column,
                Found = Described,
                Hint = PlainText.DidYouMean(column, Header),
            },
            _ => throw new TableException(TableProblem.ColumnTwice, Name) { Row = HeaderRow, Column = column },
        };
    }
}
