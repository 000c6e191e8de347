namespace TorchAttention.Training.Schedules;

/// <summary>
/// f + (1 - f)(1 + cos(pi t/T))/2, which falls from 1 to f at t = T: PyTorch's <c>CosineAnnealingLR</c>. Beyond T it rises again.
/// </summary>
public sealed record CosineSchedule : LearningRateSchedule
{
    /// <summary>f, at least 0; 0 by default.</summary>
    public double FinalFactor { get; init; }

    /// <summary>T, at least 1; null, the default, for the whole training.</summary>
    public int? Length { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Between.Cosine(1, FinalFactor, t / (Length ?? length));

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.NotNegative(FinalFactor);
        Guard.AtLeast(Length ?? 1, 1, nameof(Length));
    }
}
