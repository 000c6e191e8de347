using TorchAttention.Numerics.Losses;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Training;

/// <summary>How long and how to train; the defaults are the book's.</summary>
public sealed record TrainerOptions
{
    /// <summary>Passes over the training part, at least 1; 5 by default.</summary>
    public int MaxEpochs { get; init; } = 5;

    /// <summary>Where the slices of large batches are computed; null for here.</summary>
    internal ILossSlices? Elsewhere { get; init; }

    /// <summary>The largest norm of all gradients together; longer ones are scaled down to it. 0, the default, leaves them alone.</summary>
    public double GradientClipVal { get; init; }

    /// <summary>
    /// Mini-batches that a step of the optimiser takes, at least 1; 1 by default. The last step of an epoch takes those that are left.
    /// </summary>
    /// <remarks>
    /// The step is that of one mini-batch with the examples of all of them: losses are taken as means over examples, and a smaller
    /// mini-batch weighs as much less. Schedules, events and checkpoints count these steps. <see cref="Training.Lbfgs"/> is refused.
    /// </remarks>
    public int AccumulateBatches { get; init; } = 1;

    /// <summary>
    /// The decay of an exponential moving average of the parameters, at least 0 and below 1: <c>a = decay a + (1 - decay) p</c> after each
    /// step, from the first one's parameters on. 0, the default, for none.
    /// </summary>
    /// <remarks>
    /// PyTorch's <c>AveragedModel</c> with <c>get_ema_multi_avg_fn(decay)</c>. The average is what is validated and what the module has in
    /// the end, with early stopping that of the best epoch; from the validation to the end of <see cref="Trainer.EpochCompleted"/> the
    /// module has it too. Steps go on from the parameters themselves; buffers are the module's.
    /// </remarks>
    public double AverageDecay { get; init; }

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
