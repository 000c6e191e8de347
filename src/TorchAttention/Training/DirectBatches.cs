using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>Mini-batches that a module computes its loss and gradients of by itself: no batch is made, and no graph.</summary>
/// <remarks>Nothing grows with their length but a few arrays: those of a step are one.</remarks>
internal sealed class DirectBatches(TrainingRun run, IDirectStep step, TensorLoader loader, bool isTraining, int together)
    : MiniBatches(run)
{
    private readonly long _all = loader.ExampleCount;
    private readonly long _largest = Math.Min(loader.LargestBatch * together, loader.ExampleCount);
    private long _first = -1;
    private Tensor? _order;

    public override long Examples => Math.Min(_largest, _all - _first);

    public override Batch Current
    {
        get
        {
            Tensor rows = _order!.slice(0, _first, _first + Examples, 1);
            return new Batch(loader.X.index_select(0, rows), loader.Y.index_select(0, rows), rows);
        }
    }

    public override bool MoveNext()
    {
        if (_order is null)
        {
            _order = loader.NextOrder().DetachFromDisposeScope();
            step.Take(loader, _order, isTraining);
        }

        _first = _first < 0 ? 0 : _first + _largest;
        return _first < _all;
    }

    public override (double Loss, double Norm) Step(double clip)
    {
        double loss = FiniteLoss(Loss());
        double norm = FiniteNorm(step.WriteGradient(clip), loss);
        Move();
        return (loss, norm);
    }

    public override void Dispose() => _order?.Dispose();

    protected override double Loss() => step.Loss((int)_first, (int)Examples, Run.CancellationToken);
}
