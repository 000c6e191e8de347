using System.Runtime.InteropServices;
using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>The mini-batches of an epoch, one after the other, and what a training does with each.</summary>
internal abstract class MiniBatches(TrainingRun run) : IDisposable
{
    // Adam multiplies its rate by up to 1 / (1 - b1), and libtorch refuses a product that float32 cannot hold.
    private const double LargestRate = float.MaxValue / 1000;

    /// <summary>The examples of this one; of several that a step takes together those drawn so far.</summary>
    public abstract long Examples { get; }

    /// <summary>This one; its tensors belong to the dispose scope that is open.</summary>
    public abstract Batch Current { get; }

    protected TrainingRun Run => run;

    /// <summary>Goes on to what the next step takes; false after the last.</summary>
    public abstract bool MoveNext();

    /// <summary>Takes a step of the optimiser.</summary>
    /// <param name="clip">The largest norm that the gradients may have; 0 for any.</param>
    /// <returns>The loss, and the norm of the gradients before they were clipped.</returns>
    /// <exception cref="TrainingDivergedException">The loss or the norm is NaN or infinite; nothing moved.</exception>
    public abstract (double Loss, double Norm) Step(double clip);

    /// <summary>The loss of one of the validation part.</summary>
    /// <exception cref="TrainingDivergedException">It is NaN or infinite.</exception>
    public double Validate()
    {
        double loss = Loss();
        return double.IsFinite(loss) ? loss : throw run.Diverged(loss, $"the validation loss after step {run.Step}", loss);
    }

    public abstract void Dispose();

    protected abstract double Loss();

    /// <summary>The loss of a step, which must be a number.</summary>
    protected double FiniteLoss(double loss) =>
        double.IsFinite(loss) ? loss : throw run.Diverged(loss, $"the training loss of step {run.Step}", loss);

    /// <summary>The norm of its gradients, which must be a number.</summary>
    protected double FiniteNorm(double norm, double loss) =>
        double.IsFinite(norm) ? norm : throw run.Diverged(loss, $"the norm of the gradients of step {run.Step}", norm);

    /// <summary>Moves the parameters by their gradients.</summary>
    protected void Move()
    {
        try
        {
            run.Optimizer.step();
        }
        catch (ExternalException) when (run.Optimizer.ParamGroups.Any(group => group.LearningRate > LargestRate))
        {
            throw run.Diverged(double.NaN, $"the learning rate of step {run.Step}", run.Optimizer.ParamGroups.First().LearningRate);
        }
    }
}
