namespace TorchAttention.Training.Schedules;

/// <summary>
/// gamma^(milestones of at most t): PyTorch's <c>MultiStepLR</c>. One that is given twice counts twice. Counts epochs by default.
/// </summary>
public sealed record MultiStepSchedule : LearningRateSchedule
{
    /// <summary>Creates it with its defaults.</summary>
    public MultiStepSchedule()
    {
        Unit = ScheduleUnit.Epoch;
    }

    /// <summary>After how many epochs the rate changes, each at least 1, in any order.</summary>
    public required IReadOnlyList<int> Milestones { get; init; }

    /// <summary>gamma, more than 0; 0.1 by default.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Math.Pow(Gamma, Milestones.Count(milestone => milestone <= t));

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.Positive(Gamma);
        ArgumentNullException.ThrowIfNull(Milestones);
        foreach (int milestone in Milestones)
        {
            Guard.AtLeast(milestone, 1, nameof(Milestones));
        }
    }
}
