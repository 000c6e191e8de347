namespace TorchAttention.Training.Schedules;

/// <summary>A factor for a while, then 1: PyTorch's <c>ConstantLR</c>.</summary>
public sealed record ConstantSchedule : LearningRateSchedule
{
    /// <summary>The factor of the first <see cref="Length"/> steps, at least 0; 1 by default, which changes nothing.</summary>
    public double StartFactor { get; init; } = 1;

    /// <summary>How many these are, at least 1; null, the default, for all.</summary>
    public int? Length { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => t < (Length ?? double.PositiveInfinity) ? StartFactor : 1;

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.NotNegative(StartFactor);
        Guard.AtLeast(Length ?? 1, 1, nameof(Length));
    }
}
