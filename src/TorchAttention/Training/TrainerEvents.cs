namespace TorchAttention.Training;

/// <summary>One step of the optimiser is done.</summary>
/// <param name="Step">Steps so far, this one included.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="BatchCount">Mini-batches in an epoch.</param>
/// <param name="Loss">The loss of the mini-batch, before the step.</param>
public readonly record struct StepCompleted(int Step, int Epoch, int BatchCount, double Loss);

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
public readonly record struct EpochCompleted(int Epoch, int MaxEpochs, double TrainLoss, double ValLoss);
