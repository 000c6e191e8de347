using TorchAttention.Numerics.Tables;

namespace TorchAttention.Data;

/// <summary>Pairs (x, y) of numbers, sorted by x, for training and for validation.</summary>
public abstract class RegressionData : DataModule
{
    /// <summary>Creates the data set; it owns the tensors and the generator from here on.</summary>
    /// <param name="train">Training inputs and targets, each (n) and sorted by the input.</param>
    /// <param name="validation">Validation inputs and targets, each (m) and sorted by the input.</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="generator">The source of randomness, on the CPU.</param>
    protected RegressionData((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) validation, int batchSize, Generator generator)
        : base(batchSize, generator)
    {
        XTrain = Guard.Vector(train.X).DetachFromDisposeScope();
        YTrain = Guard.Vector(train.Y).DetachFromDisposeScope();
        XVal = Guard.Vector(validation.X).DetachFromDisposeScope();
        YVal = Guard.Vector(validation.Y).DetachFromDisposeScope();
    }

    /// <summary>Training inputs (n), sorted.</summary>
    public Tensor XTrain { get; }

    /// <summary>Training targets (n).</summary>
    public Tensor YTrain { get; }

    /// <summary>Validation inputs (m), sorted.</summary>
    public Tensor XVal { get; }

    /// <summary>Validation targets (m).</summary>
    public Tensor YVal { get; }

    /// <summary>From the inputs' own units to those of <see cref="XTrain"/> and <see cref="XVal"/>.</summary>
    public abstract Standardization XScale { get; }

    /// <summary>From the targets' own units to those of <see cref="YTrain"/> and <see cref="YVal"/>.</summary>
    public abstract Standardization YScale { get; }

    /// <inheritdoc/>
    public sealed override TensorLoader GetDataloader(bool train) => train ? GetTensorloader(XTrain, YTrain, train) : GetTensorloader(XVal, YVal, train);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            XTrain.Dispose();
            YTrain.Dispose();
            XVal.Dispose();
            YVal.Dispose();
        }

        base.Dispose(disposing);
    }
}
