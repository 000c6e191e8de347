namespace TorchAttention.Training.Schedules;

/// <summary>
/// Half a cosine from 1 towards f over T steps, again over m T, over m^2 T and so on: PyTorch's <c>CosineAnnealingWarmRestarts</c>
/// (I. Loshchilov and F. Hutter, 2017).
/// </summary>
public sealed record WarmRestartsSchedule : LearningRateSchedule
{
    /// <summary>T, at least 1.</summary>
    public required int FirstLength { get; init; }

    /// <summary>m, at least 1; 1 by default.</summary>
    public int Growth { get; init; } = 1;

    /// <summary>f, at least 0; 0 by default.</summary>
    public double FinalFactor { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length)
    {
        long cycle = FirstLength;
        long rest = t;
        while (Growth > 1 && rest >= cycle)
        {
            (rest, cycle) = (rest - cycle, cycle * Growth);
        }

        return Between.Cosine(1, FinalFactor, (double)(rest % cycle) / cycle);
    }

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.AtLeast(FirstLength, 1);
        Guard.AtLeast(Growth, 1);
        Guard.NotNegative(FinalFactor);
    }
}
