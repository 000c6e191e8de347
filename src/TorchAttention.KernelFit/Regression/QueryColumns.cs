namespace TorchAttention.Cli.Regression;

/// <summary>The columns that a model predicts from.</summary>
/// <param name="Features">Their names (d).</param>
/// <param name="Kinds">What they are (d).</param>
/// <param name="By">The column of groups; null for none.</param>
/// <param name="Levels">The levels of categories (d), null where a feature is none; empty where there are none.</param>
internal sealed record QueryColumns(string[] Features, ColumnKind[] Kinds, string? By, IReadOnlyList<string>?[] Levels)
{
    /// <summary>Whether other levels are answered, too.</summary>
    public bool MayBeUnseen { get; init; }

    /// <summary>What was expected of a group that has no answer; null for one that has, and for all where null.</summary>
    public Func<string, string?>? RefuseGroup { get; init; }

    /// <summary>Columns of numbers.</summary>
    public static QueryColumns OfNumbers(IEnumerable<string> features)
    {
        string[] names = [.. features];
        return new QueryColumns(names, new ColumnKind[names.Length], null, []);
    }
}
