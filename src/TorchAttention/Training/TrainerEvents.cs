namespace TorchAttention.Training;

/// <summary>An epoch begins, or goes on where a training goes on in its middle.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="MaxEpochs">Epochs asked for.</param>
public readonly record struct EpochStarting(int Epoch, int MaxEpochs);

/// <summary>A step begins: its learning rate is set, its loss is not yet computed.</summary>
/// <param name="Step">The step's number, from 1.</param>
/// <param name="Epoch">The epoch, from 1.</param>
public readonly record struct StepStarting(int Step, int Epoch);

/// <summary>One step of the optimiser is done.</summary>
/// <param name="Step">Steps so far, this one included.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="BatchCount">Steps in an epoch: its mini-batches, or groups of <see cref="TrainerOptions.AccumulateBatches"/>.</param>
/// <param name="Loss">The loss of the step's examples, before it.</param>
public readonly record struct StepCompleted(int Step, int Epoch, int BatchCount, double Loss)
{
    /// <summary>The norm of all gradients together, before clipping.</summary>
    public double GradientNorm { get; init; }

    /// <summary>The learning rate of the step: the optimiser's first group's.</summary>
    public double LearningRate { get; init; }
}

/// <summary>A step was left out: its loss or gradient was NaN or infinite, and the policy is <see cref="NonFinitePolicy.Skip"/>.</summary>
/// <param name="Step">The step's number.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Reason">What was not finite, with step, mini-batch and parameter.</param>
public readonly record struct StepSkipped(int Step, int Epoch, string Reason);

/// <summary>One mini-batch of the validation part is done.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="BatchCount">Mini-batches in the validation part.</param>
/// <param name="Loss">The loss of the mini-batch.</param>
public readonly record struct ValidationCompleted(int Epoch, int BatchCount, double Loss);

/// <summary>One epoch is done, validation included.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="MaxEpochs">Epochs asked for.</param>
/// <param name="TrainLoss">The mean over the epoch's training examples, each at its own step.</param>
/// <param name="ValLoss">The mean over the validation examples.</param>
public readonly record struct EpochCompleted(int Epoch, int MaxEpochs, double TrainLoss, double ValLoss)
{
    /// <summary>Whether no epoch before had so low a validation loss.</summary>
    public bool IsBest { get; init; }

    /// <summary>The means over the validation examples of <see cref="Trainer.Metrics"/>, in their order.</summary>
    public IReadOnlyList<(string Name, double Value)> Metrics { get; init; } = [];
}

/// <summary>How a training ended.</summary>
/// <param name="Epochs">Epochs done.</param>
/// <param name="Steps">Steps taken or left out.</param>
/// <param name="BestEpoch">The epoch of the lowest validation loss.</param>
/// <param name="BestValLoss">That loss.</param>
/// <param name="StoppedEarly">Whether it ended before the last epoch, by the validation loss or by <see cref="Trainer.Stop"/>.</param>
public sealed record FitResult(int Epochs, int Steps, int BestEpoch, double BestValLoss, bool StoppedEarly);
