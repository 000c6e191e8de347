using TorchAttention.Data;
using TorchAttention.Numerics.Losses;

namespace TorchAttention.Training;

/// <summary>A module's loss and its gradients by formulas, on arrays: for modules whose step is far shorter than that of a graph.</summary>
internal interface IDirectStep
{
    /// <summary>Takes the examples of an epoch in their order.</summary>
    /// <param name="loader">Has the examples.</param>
    /// <param name="order">Where each stands in the loader, int64 (n).</param>
    /// <param name="isTraining">Whether gradients are asked for.</param>
    void Take(TensorLoader loader, Tensor order, bool isTraining);

    /// <summary>Where the slices of a large batch are computed; null for here.</summary>
    ILossSlices? Elsewhere { get; set; }

    /// <summary>The loss of some neighbours in that order; NaN where the parameters have run away.</summary>
    /// <exception cref="OperationCanceledException">The work was stopped, and nothing has changed.</exception>
    double Loss(int first, int count, CancellationToken cancellationToken);

    /// <summary>Writes the gradient of that loss into the parameters.</summary>
    /// <param name="clip">The largest norm that it may have; 0 for any. One that is no number is not written.</param>
    /// <returns>Its norm before.</returns>
    double WriteGradient(double clip);
}
