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

    /// <summary>Refuses data that the module would be trained wrong on.</summary>
    /// <param name="data">The data.</param>
    /// <exception cref="ArgumentException">It would.</exception>
    internal virtual void CheckData(DataModule data)
    {
    }

    /// <summary>A way to take steps without a graph; null for modules that need one.</summary>
    internal virtual IDirectStep? CreateDirectStep(RegressionData data) => null;

    /// <summary>About how many numbers a training step works on one by one.</summary>
    /// <remarks>
    /// An attention meets each example with all of the training inputs; an optimiser, each parameter; a layer, each example with all of its
    /// parameters, at a sixteenth of the cost of a number by itself.
    /// </remarks>
    /// <param name="batch">The examples of a mini-batch.</param>
    /// <param name="inputs">The numbers of the training inputs, features times examples.</param>
    internal virtual long NumbersInAStep(long batch, long inputs)
    {
        long learned = parameters().Sum(parameter => parameter.numel());
        return Math.Max(batch * inputs, learned + (batch * learned / 16));
    }
}
