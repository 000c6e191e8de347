using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>Mini-batches of tensors, whose loss is a graph of operations.</summary>
internal sealed class TensorBatches(TrainingRun run, BatchLoader loader) : MiniBatches(run)
{
    private readonly IEnumerator<Batch> _batches = loader.GetEnumerator();

    public override long Examples => _batches.Current.X.size(0);

    public override bool MoveNext() => _batches.MoveNext();

    public override (double Loss, double Norm) Step(double clip)
    {
        (double loss, double norm) = (double.NaN, double.NaN);
        if (Run.Optimizer is Lbfgs)
        {
            Run.Optimizer.step(() => Descend(clip, ref loss, ref norm))?.Dispose();
        }
        else
        {
            Descend(clip, ref loss, ref norm).Dispose();
            Move();
        }

        return (loss, norm);
    }

    public override void Dispose() => _batches.Dispose();

    protected override double Loss()
    {
        using Tensor loss = Run.Model.ValidationStep(_batches.Current);
        return loss.ToDouble();
    }

    // The loss and its gradients. Only the first of a step is a number that must be finite: an optimiser that looks further takes its steps
    // back.
    private Tensor Descend(double clip, ref double loss, ref double norm)
    {
        Tensor descended = Run.Model.TrainingStep(_batches.Current);
        double value = descended.ToDouble();
        bool isFirst = double.IsNaN(norm);
        if (isFirst)
        {
            FiniteLoss(value);
        }

        Run.Optimizer.zero_grad();
        descended.backward();
        double length = Gradients.Norm(Run.Parameters);
        if (isFirst)
        {
            (loss, norm) = (value, FiniteNorm(length, value));
        }

        if (clip > 0 && length > clip)
        {
            Gradients.Clip(Run.Parameters, length, clip);
        }

        return descended;
    }
}
