namespace TorchAttention.Cli.Regression;

/// <summary>The rows that rules for bandwidths are compared on.</summary>
/// <param name="Source">Where they come from.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Dropped">How many were left out.</param>
/// <param name="Features">The features' names (d).</param>
/// <param name="Kinds">What they are; numbers where empty.</param>
/// <param name="Categories">Whether each is a category; none is where empty.</param>
internal sealed record RuleRows(
    string Source, long Count, long Dropped, IReadOnlyList<string> Features, IReadOnlyList<ColumnKind> Kinds,
    IReadOnlyList<bool> Categories)
{
    /// <summary>Whether some feature is a category.</summary>
    public bool AreMixed => Categories.Count > 0;

    /// <summary>Rows in memory.</summary>
    public static RuleRows Of(Examples examples) => new(
        examples.Source, examples.Count, examples.DroppedRows, examples.Features, examples.Kinds,
        [.. examples.Categories?.Select(category => category is not null) ?? []]);

    /// <summary>Whether a feature is a category.</summary>
    public bool IsCategory(int feature) => AreMixed && Categories[feature];

    /// <summary>What a feature is.</summary>
    public ColumnKind KindOf(int feature) => Kinds.Count > 0 ? Kinds[feature] : ColumnKind.Number;
}
