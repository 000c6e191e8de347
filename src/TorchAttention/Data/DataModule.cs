namespace TorchAttention.Data;

/// <summary>
/// A set of data split into a training and a validation part, both given out in mini-batches: the book's <c>DataModule</c>.
/// </summary>
public abstract class DataModule : IDisposable
{
    /// <summary>Creates the base of a data set.</summary>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="generator">The source of all of its randomness, on the CPU; disposed with the data set.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is below 1.</exception>
    protected DataModule(int batchSize, Generator generator)
    {
        BatchSize = Guard.AtLeast(batchSize, 1);
        Generator = generator ?? throw new ArgumentNullException(nameof(generator));
    }

    /// <summary>Examples in a mini-batch.</summary>
    public int BatchSize { get; }

    /// <summary>The source of the data set's randomness: its draws first, then the order of the mini-batches.</summary>
    protected Generator Generator { get; }

    /// <summary>The state of the generator: whoever sets it gets the same orders again.</summary>
    internal byte[] RandomState
    {
        get
        {
            using Tensor state = Generator.get_state();
            GC.KeepAlive(Generator);
            return TensorBytes.ToArray(state);
        }

        set
        {
            using Tensor state = tensor(value, ScalarType.Byte);
            Generator.set_state(state);
            GC.KeepAlive(Generator);
        }
    }

    /// <summary>A loader over the training part (shuffled) or the validation part (in order).</summary>
    /// <param name="train">Which part.</param>
    public abstract BatchLoader GetDataloader(bool train);

    /// <summary>The training part, in a new random order each epoch.</summary>
    public BatchLoader TrainDataloader() => GetDataloader(train: true);

    /// <summary>The validation part, in order.</summary>
    public BatchLoader ValDataloader() => GetDataloader(train: false);

    /// <summary>A loader over tensors: shuffled for training, in order for validation.</summary>
    /// <param name="x">Inputs (n).</param>
    /// <param name="y">Targets (n).</param>
    /// <param name="train">Whether to shuffle.</param>
    protected TensorLoader GetTensorloader(Tensor x, Tensor y, bool train) => new(x, y, BatchSize, shuffle: train, Generator);

    /// <summary>Frees the tensors and the generator.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the derived data set holds.</summary>
    /// <param name="disposing">Whether this is a call of <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Generator.Dispose();
        }
    }
}
