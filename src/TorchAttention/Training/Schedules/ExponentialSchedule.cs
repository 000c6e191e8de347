namespace TorchAttention.Training.Schedules;

/// <summary>gamma^t: PyTorch's <c>ExponentialLR</c>. Counts epochs by default.</summary>
public sealed record ExponentialSchedule : LearningRateSchedule
{
    /// <summary>Creates it with its defaults.</summary>
    public ExponentialSchedule()
    {
        Unit = ScheduleUnit.Epoch;
    }

    /// <summary>gamma, more than 0; 0.1 by default.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Math.Pow(Gamma, t);

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.Positive(Gamma);
    }
}
