namespace TorchAttention.Training;

/// <summary>A loss or a gradient was no longer finite; training stopped at once.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="step">The step that it came up in, from 1; for a validation loss the last step taken.</param>
    /// <param name="epoch">The epoch, from 1.</param>
    /// <param name="loss">The loss: NaN or an infinity, or a number where a gradient was none.</param>
    /// <param name="problem">What was not finite.</param>
    public TrainingDivergedException(int step, int epoch, double loss, string problem)
        : base($"Training diverged: {problem}.")
    {
        Step = step;
        Epoch = epoch;
        Loss = loss;
    }

    /// <summary>The step that it came up in, from 1; for a validation loss the last step taken.</summary>
    public int Step { get; }

    /// <summary>The epoch, from 1.</summary>
    public int Epoch { get; }

    /// <summary>The loss: NaN or an infinity, or a number where a gradient was none.</summary>
    public double Loss { get; }
}
