namespace TorchAttention.Training.Schedules;

/// <summary>A straight line, s + (f - s) t/T to t = T, then f: PyTorch's <c>LinearLR</c>.</summary>
public sealed record LinearSchedule : LearningRateSchedule
{
    /// <summary>s, at least 0; 1 by default (PyTorch's default is 1/3).</summary>
    public double StartFactor { get; init; } = 1;

    /// <summary>f, at least 0; 0 by default (PyTorch's default is 1).</summary>
    public double FinalFactor { get; init; }

    /// <summary>T, at least 1; null, the default, for the whole training.</summary>
    public int? Length { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) =>
        Between.Line(StartFactor, FinalFactor, Math.Min(1, t / (Length ?? length)));

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.NotNegative(StartFactor);
        Guard.NotNegative(FinalFactor);
        Guard.AtLeast(Length ?? 1, 1, nameof(Length));
    }
}
