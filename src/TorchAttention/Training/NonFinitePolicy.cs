namespace TorchAttention.Training;

/// <summary>What becomes of a training step whose loss or gradient is NaN or infinite.</summary>
public enum NonFinitePolicy
{
    /// <summary>Training ends with a <see cref="TrainingDivergedException"/>, before the optimiser moves any parameter.</summary>
    Stop,

    /// <summary>
    /// The optimiser leaves the step out. An epoch without any other step ends training all the same, and so does a validation loss that is
    /// NaN or infinite: no later epoch could be judged.
    /// </summary>
    Skip,
}
