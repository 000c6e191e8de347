namespace TorchAttention.Data;

/// <summary>
/// Pairs (x, y) of one or several features x and a number y, sorted by the first feature, for training and for validation.
/// </summary>
public abstract class RegressionData : DataModule
{
    /// <summary>Creates the data set; it owns the tensors and the generator from here on.</summary>
    /// <param name="train">Training inputs (n), or (n, d) for d features, sorted by the first, and targets (n).</param>
    /// <param name="validation">Validation inputs (m), or (m, d), sorted by the first feature, and targets (m).</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="generator">The source of randomness, on the CPU.</param>
    /// <exception cref="ArgumentException">Inputs of other shapes, or of other features for validation than for training.</exception>
    protected RegressionData((Tensor X, Tensor Y) train, (Tensor X, Tensor Y) validation, int batchSize, Generator generator)
        : base(batchSize, generator)
    {
        XTrain = Guard.Rows(train.X).DetachFromDisposeScope();
        YTrain = Guard.Vector(train.Y).DetachFromDisposeScope();
        XVal = Guard.Rows(validation.X).DetachFromDisposeScope();
        YVal = Guard.Vector(validation.Y).DetachFromDisposeScope();
        if (!XVal.shape.AsSpan(1).SequenceEqual(XTrain.shape.AsSpan(1)))
        {
            throw new ArgumentException(
                $"Expected validation inputs of the training inputs' features, got {Guard.Shape(XVal)} and {Guard.Shape(XTrain)}.",
                nameof(validation));
        }
    }

    /// <summary>Training inputs (n), sorted, or (n, d) for d features, sorted by the first.</summary>
    public Tensor XTrain { get; }

    /// <summary>Training targets (n).</summary>
    public Tensor YTrain { get; }

    /// <summary>Validation inputs (m), sorted, or (m, d), sorted by the first feature.</summary>
    public Tensor XVal { get; }

    /// <summary>Validation targets (m).</summary>
    public Tensor YVal { get; }

    /// <summary>
    /// From each feature's own units to those of <see cref="XTrain"/> and <see cref="XVal"/>; as many as there are features.
    /// </summary>
    public abstract IReadOnlyList<Standardization> XScales { get; }

    /// <summary>The first feature's <see cref="XScales"/>.</summary>
    public Standardization XScale => XScales[0];

    /// <summary>From the targets' own units to those of <see cref="YTrain"/> and <see cref="YVal"/>.</summary>
    public abstract Standardization YScale { get; }

    /// <inheritdoc/>
    public sealed override TensorLoader GetDataloader(bool train) =>
        train ? GetTensorloader(XTrain, YTrain, train) : GetTensorloader(XVal, YVal, train);

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
