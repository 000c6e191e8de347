namespace TorchAttention.Training;

/// <summary>When a training is saved, and how many times over.</summary>
public sealed record CheckpointOptions
{
    /// <summary>Steps between two checkpoints, at least 1; null, the default, where steps do not matter.</summary>
    public int? EverySteps { get; init; }

    /// <summary>Seconds between two checkpoints, more than 0; 60 by default, null where time does not matter.</summary>
    public double? EverySeconds { get; init; } = 60;

    /// <summary>How many of the last ones stay, at least 1; 2 by default, so that one is whole when another is damaged.</summary>
    public int Keep { get; init; } = 2;

    internal void Check()
    {
        Guard.AtLeast(EverySteps ?? 1, 1, nameof(EverySteps));
        _ = EverySeconds is double seconds ? Guard.Positive(seconds, nameof(EverySeconds)) : 0;
        Guard.AtLeast(Keep, 1);
    }
}
