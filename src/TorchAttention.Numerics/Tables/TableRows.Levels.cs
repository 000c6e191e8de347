namespace TorchAttention.Numerics.Tables;

/// <content>Columns of names: the levels of categories, and the groups of rows.</content>
public abstract partial class TableRows
{
    /// <summary>The level of a field that is missing, where that is a level of its own.</summary>
    internal const string MissingLevel = "(missing)";

    // By their texts, in the order that they were met.
    private OrderedDictionary<string, bool>?[] _levels = [];
    private bool _areLevelsKnown;
    private bool _mayBeUnseen;
    private bool _missingIsLevel;
    private Func<string, string?>? _refuseLabel;
    private (long Row, int Column) _firstOpen;

    /// <summary>Says which levels the chosen columns of categories have.</summary>
    /// <param name="levels">The levels of each chosen column, from the first on; null for a column that is no category.</param>
    /// <param name="mayBeUnseen">Whether a text that is none of them is read as NaN, and not an error.</param>
    internal void TakeLevels(IReadOnlyList<IReadOnlyList<string>?> levels, bool mayBeUnseen)
    {
        _levels = [.. Columns.Select((_, i) => i < levels.Count && levels[i] is { } own
            ? new OrderedDictionary<string, bool>(own.Select(level => KeyValuePair.Create(level, true))) : null)];
        (_areLevelsKnown, _mayBeUnseen) = (true, mayBeUnseen);
    }

    /// <summary>Says that a missing field of a category is one of the level <see cref="MissingLevel"/>.</summary>
    internal void TakeMissingAsLevel() => _missingIsLevel = true;

    /// <summary>Says what was expected of a text of the column of text that is none of those; null where it is one.</summary>
    internal void RefuseLabels(Func<string, string?> expected) => _refuseLabel = expected;

    /// <summary>The levels of a chosen column that have been read; none where it is no category.</summary>
    /// <param name="column">The column's place among those chosen.</param>
    internal IReadOnlyList<string> LevelsOf(int column) => _levels[column] is { } levels ? levels.Keys : [];

    /// <summary>
    /// Whether a missing field of a chosen column is none that its row is left out for. Where the column's kind is not known yet the field
    /// is read as NaN, and <see cref="MissingNumber"/> says afterwards whether it was a category's.
    /// </summary>
    private protected bool MayMissIn(int column) => column == MayMiss
        || (_missingIsLevel && (_kinds[column] ?? ColumnKind.Category) == ColumnKind.Category)
        || (_areLevelsKnown && _levels[column]?.ContainsKey(MissingLevel) == true);

    /// <summary>What is read for a missing field of such a column.</summary>
    private protected double MissingIn(int column, long row)
    {
        if (column != MayMiss && _kinds[column] is null && _firstOpen.Row == 0)
        {
            _firstOpen = (row, column);
        }

        return column == MayMiss || _kinds[column] is null ? double.NaN : LevelOf(column, MissingLevel);
    }

    /// <summary>The error for a field that was taken for a category's before its column turned out to be none; null for none.</summary>
    internal TableException? MissingNumber => _firstOpen.Row > 0 && _kinds[_firstOpen.Column] != ColumnKind.Category
        ? new TableException(TableProblem.Missing, Name)
        {
            Row = _firstOpen.Row,
            Column = Columns[_firstOpen.Column],
            Expected = TimeReader.Expected(_kinds[_firstOpen.Column] ?? ColumnKind.Number),
            Found = "",
        }
        : null;

    /// <summary>Whether a chosen column is one of categories, whose fields are texts whatever they look like.</summary>
    private protected bool IsCategory(int column) => _kinds[column] == ColumnKind.Category;

    /// <summary>Whether a chosen column is known to be no column of numbers.</summary>
    private protected bool IsOther(int column) => _kinds[column] is not (null or ColumnKind.Number);

    /// <summary>What was expected of the text of the chosen column of text; null where it is right.</summary>
    private protected string? RefusedLabel(string text) => _refuseLabel?.Invoke(text);

    private double LevelOf(int column, string text)
    {
        OrderedDictionary<string, bool> levels = _levels[column] ??= [];
        int place = levels.IndexOf(text);
        if (place < 0 && !_areLevelsKnown)
        {
            place = levels.Count;
            levels.Add(text, true);
        }

        return place < 0 ? double.NaN : place;
    }

    /// <summary>What was expected of the level of a category that was read as a number; null where it is right.</summary>
    private protected string? RefusedLevel(int column, double number) =>
        !double.IsNaN(number) || !_areLevelsKnown || _mayBeUnseen ? null
            : $"one of the model's levels {PlainText.List(LevelsOf(column))}";
}
