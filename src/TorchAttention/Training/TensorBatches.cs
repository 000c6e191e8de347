using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>Mini-batches of tensors, whose loss is a graph of operations.</summary>
/// <param name="run">The training.</param>
/// <param name="loader">Draws them.</param>
/// <param name="together">How many a step takes, while there are so many.</param>
internal sealed class TensorBatches(TrainingRun run, BatchLoader loader, int together) : MiniBatches(run)
{
    private readonly IEnumerator<Batch> _batches = loader.GetEnumerator();
    private long _examples;
    private int _left;

    public override Batch Current => _batches.Current;

    public override long Examples => _examples;

    public override bool MoveNext()
    {
        // Those of a step that is done already, or that was left out.
        while (_left > 0)
        {
            using DisposeScope scope = NewDisposeScope();
            Draw();
        }

        _left = together;
        _examples = 0;
        return Draw();
    }

    public override (double Loss, double Norm) Step(double clip)
    {
        (double loss, double norm) = (double.NaN, double.NaN);
        if (Run.Optimizer is Lbfgs)
        {
            Run.Optimizer.step(() => Descend(clip, ref loss, ref norm))?.Dispose();
        }
        else if (together == 1)
        {
            Descend(clip, ref loss, ref norm).Dispose();
            Move();
        }
        else
        {
            (loss, norm) = Accumulate(clip);
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

        Clip(length, clip);
        return descended;
    }

    // The gradients of all examples of the step: each mini-batch's times its examples, in units of the first's, so that equal ones are only
    // summed.
    private (double Loss, double Norm) Accumulate(double clip)
    {
        double first = Examples;
        double sum = 0;
        Run.Optimizer.zero_grad();
        for (bool isFirst = true; isFirst || _left > 0; isFirst = false)
        {
            using DisposeScope scope = NewDisposeScope();
            if (!isFirst && !Draw())
            {
                break;
            }

            long examples = _batches.Current.X.size(0);
            Tensor loss = Run.Model.TrainingStep(_batches.Current);
            double value = FiniteLoss(loss.ToDouble());
            (examples == first ? loss : loss.Times(examples / first)).backward();
            sum += value * examples;
        }

        Gradients.Scale(Run.Parameters, first / Examples);
        double mean = sum / Examples;
        double norm = FiniteNorm(Gradients.Norm(Run.Parameters), mean);
        Clip(norm, clip);
        return (mean, norm);
    }

    private void Clip(double norm, double most)
    {
        if (most > 0 && norm > most)
        {
            Gradients.Scale(Run.Parameters, most / norm);
        }
    }

    // The next one; false after the last of the epoch.
    private bool Draw()
    {
        bool isThere = _batches.MoveNext();
        _left = isThere ? _left - 1 : 0;
        _examples += isThere ? _batches.Current.X.size(0) : 0;
        return isThere;
    }
}
