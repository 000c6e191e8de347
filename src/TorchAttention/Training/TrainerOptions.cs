namespace TorchAttention.Training;

/// <summary>How long and how to train; the defaults are the book's.</summary>
public sealed record TrainerOptions
{
    /// <summary>Passes over the training part, at least 1; 5 by default.</summary>
    public int MaxEpochs { get; init; } = 5;

    /// <summary>The largest norm of all gradients together; longer ones are scaled down to it. 0, the default, leaves them alone.</summary>
    public double GradientClipVal { get; init; }
}
