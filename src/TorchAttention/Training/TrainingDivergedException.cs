namespace TorchAttention.Training;

/// <summary>A loss was no longer finite; training stopped at once.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="step">The step whose loss it was, from 1; for a validation loss the last step taken.</param>
    /// <param name="epoch">The epoch, from 1.</param>
    /// <param name="loss">The loss: NaN or an infinity.</param>
    /// <param name="validation">Whether it was a validation loss.</param>
    public TrainingDivergedException(int step, int epoch, double loss, bool validation)
        : base($"Training diverged: the {(validation ? "validation loss after" : "training loss of")} step {step} (epoch {epoch}) is {loss}.")
    {
        Step = step;
        Epoch = epoch;
        Loss = loss;
    }

    /// <summary>The step whose loss it was, from 1; for a validation loss the last step taken.</summary>
    public int Step { get; }

    /// <summary>The epoch, from 1.</summary>
    public int Epoch { get; }

    /// <summary>The loss: NaN or an infinity.</summary>
    public double Loss { get; }
}
