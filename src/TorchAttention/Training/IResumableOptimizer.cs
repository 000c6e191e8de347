namespace TorchAttention.Training;

/// <summary>An optimiser of one's own whose memory can be saved, so that a training that uses it can go on from a checkpoint.</summary>
public interface IResumableOptimizer
{
    /// <summary>
    /// Everything that the optimiser's next step depends on, but for its parameters, their gradients and the learning rate.
    /// </summary>
    IReadOnlyDictionary<string, double[]> SaveState();

    /// <summary>Takes the place of the optimiser that saved.</summary>
    /// <param name="state">What <see cref="SaveState"/> gave.</param>
    /// <exception cref="KeyNotFoundException">A part is missing.</exception>
    void LoadState(IReadOnlyDictionary<string, double[]> state);
}
