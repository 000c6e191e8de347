using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>A model that knows its loss and its optimiser, and no trainer: the book's <c>Module</c>.</summary>
public abstract class Module : nn.Module<Tensor, Tensor>
{
    /// <summary>Creates the base; the derived constructor calls <c>RegisterComponents()</c> once its fields are set.</summary>
    /// <param name="name">The module's name.</param>
    protected Module(string name)
        : base(name)
    {
    }

    /// <summary>The loss of one mini-batch.</summary>
    /// <param name="yHat">Predictions (batch).</param>
    /// <param name="y">Targets (batch).</param>
    /// <returns>A scalar.</returns>
    public abstract Tensor Loss(Tensor yHat, Tensor y);

    /// <summary>The optimiser of the module's parameters; the caller disposes it.</summary>
    public abstract optim.Optimizer ConfigureOptimizers();

    /// <summary>The loss to descend on for one mini-batch of the training part.</summary>
    /// <param name="batch">Inputs and targets (batch).</param>
    /// <returns>A scalar with a graph behind it.</returns>
    public virtual Tensor TrainingStep(Batch batch) => Loss(call(batch.X), batch.Y);

    /// <summary>The loss to report for one mini-batch of the validation part.</summary>
    /// <param name="batch">Inputs and targets (batch).</param>
    /// <returns>A scalar.</returns>
    public virtual Tensor ValidationStep(Batch batch) => Loss(call(batch.X), batch.Y);
}
