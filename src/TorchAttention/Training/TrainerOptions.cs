namespace TorchAttention.Training;

/// <summary>How long and how to train; the defaults are the book's.</summary>
public sealed record TrainerOptions
{
    /// <summary>Passes over the training part, at least 1; 5 by default.</summary>
    public int MaxEpochs { get; init; } = 5;

    /// <summary>The largest norm of all gradients together; longer ones are scaled down to it. 0, the default, leaves them alone.</summary>
    public double GradientClipVal { get; init; }

    /// <summary>The optimiser; null, the default, for the module's own (<see cref="Module.ConfigureOptimizers"/>).</summary>
    public OptimizerOptions? Optimizer { get; init; }

    /// <summary>How the learning rate changes while training; null, the default, where it does not.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>When to stop before the last epoch; null, the default, for never.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary>What becomes of a step whose loss or gradient is NaN or infinite; <see cref="NonFinitePolicy.Stop"/> by default.</summary>
    public NonFinitePolicy NonFinite { get; init; }
}
