namespace TorchAttention.Training;

/// <summary>The shapes of a learning rate over a training.</summary>
public enum ScheduleKind
{
    /// <summary>The same throughout (after the warm-up, if there is one).</summary>
    Constant,

    /// <summary>Times gamma after every <see cref="LearningRateSchedule.StepEpochs"/> epochs: PyTorch's <c>StepLR</c>.</summary>
    Step,

    /// <summary>Times gamma after every epoch: PyTorch's <c>ExponentialLR</c>.</summary>
    Exponential,

    /// <summary>
    /// Half a cosine from 1 to <see cref="LearningRateSchedule.FinalFactor"/>, step by step: PyTorch's <c>CosineAnnealingLR</c> with a step
    /// for each mini-batch.
    /// </summary>
    Cosine,

    /// <summary>A straight line from 1 to <see cref="LearningRateSchedule.FinalFactor"/>, step by step.</summary>
    Linear,
}

/// <summary>
/// What the learning rate is multiplied by, as a function of the step alone: nothing of it needs to be kept for a training to go on later.
/// </summary>
/// <remarks>
/// With t the steps taken, T those of the whole training, W those of the warm-up and e the epochs done, the factor is (t + 1)/W while t is
/// below W, and else gamma^floor(e / k) (<see cref="ScheduleKind.Step"/>), gamma^e, f + (1 - f)(1 + cos(pi p))/2 or 1 + (f - 1) p with p =
/// (t - W)/(T - W).
/// </remarks>
public sealed record LearningRateSchedule
{
    /// <summary>The shape; <see cref="ScheduleKind.Constant"/> by default.</summary>
    public ScheduleKind Kind { get; init; }

    /// <summary>gamma, more than 0; 0.1 by default.</summary>
    public double Gamma { get; init; } = 0.1;

    /// <summary>k, the epochs between two steps of <see cref="ScheduleKind.Step"/>, at least 1; 10 by default.</summary>
    public int StepEpochs { get; init; } = 10;

    /// <summary>
    /// f, the factor at the end of <see cref="ScheduleKind.Cosine"/> and <see cref="ScheduleKind.Linear"/>, at least 0; 0 by default.
    /// </summary>
    public double FinalFactor { get; init; }

    /// <summary>W, the steps in which the rate rises to its full height, at least 0; 0 by default.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>The factor of the step after <paramref name="stepsTaken"/> others.</summary>
    /// <param name="stepsTaken">t.</param>
    /// <param name="batchCount">Mini-batches in an epoch.</param>
    /// <param name="maxEpochs">Epochs of the whole training.</param>
    public double Factor(int stepsTaken, int batchCount, int maxEpochs)
    {
        if (stepsTaken < WarmupSteps)
        {
            return (stepsTaken + 1.0) / WarmupSteps;
        }

        int epochs = stepsTaken / batchCount;
        double rest = ((double)batchCount * maxEpochs) - WarmupSteps;
        double part = rest > 0 ? Math.Min(1, (stepsTaken - WarmupSteps) / rest) : 1;
        return Kind switch
        {
            ScheduleKind.Step => Math.Pow(Gamma, epochs / StepEpochs),
            ScheduleKind.Exponential => Math.Pow(Gamma, epochs),
            ScheduleKind.Cosine => FinalFactor + ((1 - FinalFactor) * (1 + Math.Cos(Math.PI * part)) / 2),
            ScheduleKind.Linear => 1 + ((FinalFactor - 1) * part),
            _ => 1,
        };
    }

    internal void Check()
    {
        Guard.Positive(Gamma);
        Guard.AtLeast(StepEpochs, 1);
        Guard.NotNegative(FinalFactor);
        Guard.AtLeast(WarmupSteps, 0);
    }
}
