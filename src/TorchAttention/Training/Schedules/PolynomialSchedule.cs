namespace TorchAttention.Training.Schedules;

/// <summary>(1 - t/T)^p to t = T, then 0: PyTorch's <c>PolynomialLR</c>.</summary>
public sealed record PolynomialSchedule : LearningRateSchedule
{
    /// <summary>p, more than 0; 1 by default.</summary>
    public double Power { get; init; } = 1;

    /// <summary>T, at least 1; null, the default, for the whole training.</summary>
    public int? Length { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Math.Pow(1 - Math.Min(1, t / (Length ?? length)), Power);

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.Positive(Power);
        Guard.AtLeast(Length ?? 1, 1, nameof(Length));
    }
}
