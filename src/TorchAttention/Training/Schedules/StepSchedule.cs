namespace TorchAttention.Training.Schedules;

/// <summary>gamma^floor(t/k): PyTorch's <c>StepLR</c>. Counts epochs by default.</summary>
public sealed record StepSchedule : LearningRateSchedule
{
    /// <summary>Creates it with its defaults.</summary>
    public StepSchedule()
    {
        Unit = ScheduleUnit.Epoch;
    }

    /// <summary>k, the epochs between two changes, at least 1; 10 by default.</summary>
    public int Every { get; init; } = 10;

    /// <summary>gamma, more than 0; 0.1 by default.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Math.Pow(Gamma, t / Every);

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.AtLeast(Every, 1);
        Guard.Positive(Gamma);
    }
}
