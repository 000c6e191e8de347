using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>What is asked of a model that was fitted.</summary>
internal sealed record PredictionRequest
{
    /// <summary>Level, bands and slopes.</summary>
    public PredictionOptions Options { get; init; } = new();

    /// <summary>What the intervals are of; null for what the model has as a rule.</summary>
    public IntervalKind? Interval { get; init; }

    /// <summary>What becomes of rows of other groups; null where that is not said.</summary>
    public UnknownGroups? Unknown { get; init; }

    /// <summary>What becomes of rows of other levels; null where that is not said.</summary>
    public UnseenLevels? Unseen { get; init; }
}

/// <summary>What becomes of a row with a level that no example has.</summary>
internal enum UnseenLevels
{
    Error,
    Mean,
}

/// <summary>What becomes of a row whose group has no curve.</summary>
internal enum UnknownGroups
{
    Error,
    Empty,
}
