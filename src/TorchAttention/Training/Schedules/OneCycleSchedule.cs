namespace TorchAttention.Training.Schedules;

/// <summary>
/// Up from a small factor to 1 and down to almost 0, while momentum goes the other way: PyTorch's <c>OneCycleLR</c> (L. N. Smith and N.
/// Topin, 2018), whose <c>max_lr</c> is the optimiser's learning rate here.
/// </summary>
/// <remarks>With T the length and r <see cref="RisingPart"/>, the top is at t = r T - 1, and the end at T - 1; beyond it stays.</remarks>
public sealed record OneCycleSchedule : LearningRateSchedule
{
    /// <summary>T, at least 1; null, the default, for the whole training.</summary>
    public int? Length { get; init; }

    /// <summary>r, the part in which the rate rises, between 0 and 1, or 1/2 with three phases; 0.3 by default.</summary>
    public double RisingPart { get; init; } = 0.3;

    /// <summary>Whether the ways are straight lines, not halves of a cosine; false by default.</summary>
    public bool IsLinear { get; init; }

    /// <summary>
    /// Whether it falls to the first factor as fast as it rose, and from there to the last; false by default: it falls at once.
    /// </summary>
    public bool HasThreePhases { get; init; }

    /// <summary>The first factor is one divided by this, at least 1; 25 by default.</summary>
    public double StartDivisor { get; init; } = 25;

    /// <summary>The last factor is the first divided by this, at least 1; 10,000 by default.</summary>
    public double FinalDivisor { get; init; } = 1e4;

    /// <summary>
    /// Momenta at the top and at both ends, at least 0 and below 1; null, the default, to leave momentum alone (PyTorch's default is 0.85
    /// and 0.95).
    /// </summary>
    public (double Least, double Largest)? Momenta { get; init; }

    private double First => 1 / StartDivisor;

    private double Last => First / FinalDivisor;

    /// <inheritdoc/>
    protected internal override double FactorAt(int t, double length) =>
        HasThreePhases ? Along(t, length, First, 1, First, Last) : Along(t, length, First, 1, Last);

    /// <inheritdoc/>
    protected internal override double? MomentumAt(int t, double length) =>
        Momenta is not (double least, double largest) ? null
        : HasThreePhases ? Along(t, length, largest, least, largest, largest)
        : Along(t, length, largest, least, largest);

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.AtLeast(Length ?? 1, 1, nameof(Length));
        Guard.AtLeast(StartDivisor, 1);
        Guard.AtLeast(FinalDivisor, 1);
        Between.CheckMomenta(Momenta);
        double most = HasThreePhases ? 0.5 : 1;
        if (!(RisingPart > 0 && RisingPart < most))
        {
            throw new ArgumentOutOfRangeException(nameof(RisingPart), RisingPart, $"Expected between 0 and {most}, got {RisingPart}.");
        }
    }

    private double Along(int t, double length, params ReadOnlySpan<double> corners)
    {
        double all = Length ?? length;
        double start = 0;
        for (int phase = 1; ; phase++)
        {
            bool isLast = phase == corners.Length - 1;
            double end = isLast ? all - 1 : (phase * RisingPart * all) - phase;
            if (t <= end || isLast)
            {
                double part = end > start ? Math.Min(1, (t - start) / (end - start)) : 1;
                (double from, double to) = (corners[phase - 1], corners[phase]);
                return IsLinear ? Between.Line(from, to, part) : Between.Cosine(from, to, part);
            }

            start = end;
        }
    }
}
