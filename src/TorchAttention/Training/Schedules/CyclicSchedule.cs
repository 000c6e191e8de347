namespace TorchAttention.Training.Schedules;

/// <summary>How the cycles of <see cref="CyclicSchedule"/> become lower.</summary>
public enum CycleHeight
{
    /// <summary>They do not: PyTorch's <c>triangular</c>.</summary>
    Same,

    /// <summary>Each has half the height of the one before: <c>triangular2</c>.</summary>
    Halved,

    /// <summary>Times gamma each step: <c>exp_range</c>.</summary>
    Exponential,
}

/// <summary>
/// Up from the least factor to 1 along a line in so many steps, and down again: PyTorch's <c>CyclicLR</c> (L. N. Smith, 2017), whose
/// <c>max_lr</c> is the optimiser's learning rate here.
/// </summary>
public sealed record CyclicSchedule : LearningRateSchedule
{
    /// <summary>Where a cycle begins, from 0 to 1; 0.1 by default.</summary>
    public double LeastFactor { get; init; } = 0.1;

    /// <summary>Steps up, at least 1.</summary>
    public required int StepsUp { get; init; }

    /// <summary>Steps down, at least 1; null, the default, for as many as up.</summary>
    public int? StepsDown { get; init; }

    /// <summary>How cycles become lower; <see cref="CycleHeight.Same"/> by default.</summary>
    public CycleHeight Height { get; init; }

    /// <summary>gamma of <see cref="CycleHeight.Exponential"/>, more than 0; 1 by default.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>
    /// Momenta at the top and at the bottom of a cycle, at least 0 and below 1; null, the default, to leave momentum alone (PyTorch's
    /// default is 0.8 and 0.9).
    /// </summary>
    public (double Least, double Largest)? Momenta { get; init; }

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) => Between.Line(LeastFactor, 1, PartAt(t));

    /// <inheritdoc/>
    protected internal override double? MomentumAt(int t, double length) =>
        Momenta is { } momenta ? Between.Line(momenta.Largest, momenta.Least, PartAt(t)) : null;

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.AtLeast(StepsUp, 1);
        Guard.AtLeast(StepsDown ?? 1, 1, nameof(StepsDown));
        Guard.Defined(Height);
        Guard.Positive(Gamma);
        Between.CheckMomenta(Momenta);
        if (!(LeastFactor is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(LeastFactor), LeastFactor, $"Expected from 0 to 1, got {LeastFactor}.");
        }
    }

    // The height above the least: 1 at the top of a full cycle.
    private double PartAt(int t)
    {
        double down = StepsDown ?? StepsUp;
        double cycle = Math.Floor(t / (StepsUp + down));
        double done = t - (cycle * (StepsUp + down));
        double part = done <= StepsUp ? done / StepsUp : (StepsUp + down - done) / down;
        return part * Height switch
        {
            CycleHeight.Halved => Math.Pow(0.5, cycle),
            CycleHeight.Exponential => Math.Pow(Gamma, t),
            _ => 1,
        };
    }
}
