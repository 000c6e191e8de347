namespace TorchAttention.Training.Schedules;

/// <summary>
/// How the learning rate changes while training: each step's is the optimiser's own times a factor. Some give the momentum too.
/// </summary>
/// <remarks>
/// Factor and momentum are functions of the step alone, so that nothing of them must be kept for a training to go on later;
/// <see cref="PlateauSchedule"/> alone remembers, and its memory is in the checkpoints. Where PyTorch gives rates (<c>eta_min</c>,
/// <c>max_lr</c>), these are factors of the optimiser's learning rate. Derive from it for a shape of your own.
/// </remarks>
public abstract record LearningRateSchedule
{
    /// <summary>What is counted: by default steps, or epochs where the schedule says so.</summary>
    public ScheduleUnit Unit { get; init; }

    /// <summary>
    /// W, at least 0: the factor of the first W steps is (t + 1)/W, and a schedule that counts steps begins after them; 0 by default.
    /// </summary>
    public int WarmupSteps { get; init; }

    /// <summary>The factor of the step after <paramref name="stepsTaken"/> others.</summary>
    /// <param name="stepsTaken">Steps taken.</param>
    /// <param name="batchCount">Mini-batches in an epoch.</param>
    /// <param name="maxEpochs">Epochs of the whole training.</param>
    public double Factor(int stepsTaken, int batchCount, int maxEpochs)
    {
        if (stepsTaken < WarmupSteps)
        {
            return (stepsTaken + 1.0) / WarmupSteps;
        }

        (int t, double length) = Place(stepsTaken, batchCount, maxEpochs);
        return FactorAt(t, length);
    }

    /// <summary>The momentum (Adam's first beta) of the step after <paramref name="stepsTaken"/> others; null: it is left alone.</summary>
    /// <inheritdoc cref="Factor"/>
    public double? Momentum(int stepsTaken, int batchCount, int maxEpochs)
    {
        (int t, double length) = Place(stepsTaken, batchCount, maxEpochs);
        return MomentumAt(t, length);
    }

    /// <summary>The factor after <paramref name="t"/> steps or epochs.</summary>
    /// <param name="t">Steps or epochs done, as <see cref="Unit"/> says.</param>
    /// <param name="length">Those of the whole training, at least 1.</param>
    protected internal abstract double FactorAt(int t, double length);

    /// <summary>The momentum there; null, unless overridden: it is left alone.</summary>
    /// <inheritdoc cref="FactorAt"/>
    protected internal virtual double? MomentumAt(int t, double length) => null;

    /// <summary>Throws where a setting is out of its range.</summary>
    /// <exception cref="ArgumentException">It is.</exception>
    protected internal virtual void Check()
    {
        Guard.Defined(Unit);
        Guard.AtLeast(WarmupSteps, 0);
    }

    private (int T, double Length) Place(int stepsTaken, int batchCount, int maxEpochs) => Unit == ScheduleUnit.Epoch
        ? (stepsTaken / batchCount, maxEpochs)
        : (Math.Max(0, stepsTaken - WarmupSteps), Math.Max(1, ((double)batchCount * maxEpochs) - WarmupSteps));
}
