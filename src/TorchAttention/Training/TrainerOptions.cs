using TorchAttention.Training.Schedules;

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

    /// <summary>
    /// libtorch's threads while training, at least 1; null, the default, for one where a step is small and as many as libtorch has
    /// otherwise.
    /// </summary>
    /// <remarks>
    /// A step is small where its numbers are fewer than 2^17: the examples of a mini-batch times the numbers of the training inputs (rows
    /// times features), or the module's parameters where these make more. The number before comes back when the training ends, in whatever
    /// way. libtorch keeps the number for each thread; one that uses it for the first time while a training goes on begins with the
    /// training's. It changes no bit of what <see cref="Pooling.EnginePooling"/> computes; libtorch's own large sums depend on it.
    /// </remarks>
    public int? Threads { get; init; }

    /// <summary>
    /// What torch's own generator is seeded with, of a module that <see cref="Trainer.Create{T}"/> makes and of each training: for
    /// parameters and dropout. Null, the default, leaves it alone. A data set has its own seed.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>What becomes of a step whose loss or gradient is NaN or infinite; <see cref="NonFinitePolicy.Stop"/> by default.</summary>
    public NonFinitePolicy NonFinite { get; init; }
}
