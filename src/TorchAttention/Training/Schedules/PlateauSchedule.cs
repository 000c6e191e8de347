namespace TorchAttention.Training.Schedules;

/// <summary>
/// Lower once the validation loss has not become better for some epochs: PyTorch's <c>ReduceLROnPlateau</c>, with rates as factors.
/// </summary>
/// <remarks>
/// A loss is better than the best b so far where it is below b (1 - threshold), or b - threshold if that is absolute. After more than
/// <see cref="Patience"/> epochs without a better one the factor becomes max(gamma factor, <see cref="LeastFactor"/>), if that lowers it by
/// more than <see cref="LeastChange"/>; the next <see cref="Cooldown"/> epochs do not count.
/// </remarks>
public sealed record PlateauSchedule : LearningRateSchedule
{
    /// <summary>Creates it with its defaults.</summary>
    public PlateauSchedule()
    {
        Unit = ScheduleUnit.Epoch;
    }

    /// <summary>gamma, more than 0 and below 1; 0.1 by default.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <summary>Epochs without a better loss that are borne, at least 0; 10 by default.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>By how much a loss must be better, at least 0; 1e-4 by default.</summary>
    public double Threshold { get; init; } = 1e-4;

    /// <summary>Whether the threshold is in units of the loss, not a part of the best; false by default.</summary>
    public bool IsThresholdAbsolute { get; init; }

    /// <summary>Epochs after a change that do not count, at least 0; 0 by default.</summary>
    public int Cooldown { get; init; }

    /// <summary>The factor stays at least this, at least 0; 0 by default.</summary>
    public double LeastFactor { get; init; }

    /// <summary>A smaller change of the factor is none, at least 0; 1e-8 by default.</summary>
    public double LeastChange { get; init; } = 1e-8;

    /// <summary>What is looked at after each epoch; null, the default, for the validation loss.</summary>
    public Func<double>? Metric { get; init; }

    /// <summary>Whether a higher metric is better; false by default.</summary>
    public bool IsHigherBetter { get; init; }

    /// <inheritdoc/>
    /// <remarks>Here 1: what has been remembered comes on top.</remarks>
    protected internal override double FactorAt(int t, double length) => 1;

    /// <inheritdoc/>
    protected internal override void Check()
    {
        base.Check();
        Guard.AtLeast(Patience, 0);
        Guard.NotNegative(Threshold);
        Guard.AtLeast(Cooldown, 0);
        Guard.NotNegative(LeastFactor);
        Guard.NotNegative(LeastChange);
        if (!(Gamma > 0 && Gamma < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(Gamma), Gamma, $"Expected more than 0 and below 1, got {Gamma}.");
        }

        if (Unit != ScheduleUnit.Epoch)
        {
            throw new ArgumentException($"Expected a plateau to count by {ScheduleUnit.Epoch}, got {Unit}.", nameof(Unit));
        }
    }

    /// <summary>What is remembered after an epoch.</summary>
    internal PlateauMemory After(PlateauMemory memory, double valLoss)
    {
        double metric = Metric?.Invoke() ?? valLoss;
        bool isBetter = double.IsNaN(memory.Best) ? !double.IsNaN(metric) : IsBetter(metric, memory.Best);
        int poor = isBetter || memory.CooldownLeft > 0 ? 0 : memory.PoorEpochs + 1;
        var after = new PlateauMemory(memory.Factor, isBetter ? metric : memory.Best, poor, Math.Max(0, memory.CooldownLeft - 1));
        if (poor <= Patience)
        {
            return after;
        }

        double lower = Math.Max(memory.Factor * Gamma, LeastFactor);
        bool isLower = memory.Factor - lower > LeastChange;
        return after with { Factor = isLower ? lower : memory.Factor, PoorEpochs = 0, CooldownLeft = Cooldown };
    }

    private bool IsBetter(double metric, double best)
    {
        double margin = IsThresholdAbsolute ? Threshold : Threshold * best;
        return IsHigherBetter ? metric > best + margin : metric < best - margin;
    }
}

/// <summary>What <see cref="PlateauSchedule"/> remembers from epoch to epoch.</summary>
/// <param name="Factor">The factor of the learning rate.</param>
/// <param name="Best">The best metric so far; NaN before the first.</param>
/// <param name="PoorEpochs">Epochs in a row without a better one.</param>
/// <param name="CooldownLeft">Epochs that do not count yet.</param>
internal readonly record struct PlateauMemory(double Factor, double Best, int PoorEpochs, int CooldownLeft)
{
    public static PlateauMemory Start => new(1, double.NaN, 0, 0);
}
