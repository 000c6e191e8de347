namespace TorchAttention.Data;

/// <summary>
/// Mini-batches over a set of examples, in the order in which PyTorch's <c>DataLoader</c> gives them for the same generator.
/// </summary>
/// <remarks>
/// Each enumeration takes from the generator what PyTorch's takes: one number for a base seed, whether it shuffles or not, and one more
/// where it shuffles; that one seeds a generator of its own, whose random permutation is the order. The last batch may be short.
/// </remarks>
public sealed class TensorLoader : BatchLoader
{
    private readonly Tensor _x;
    private readonly Tensor _y;
    private readonly int _batchSize;
    private readonly bool _shuffle;
    private readonly Generator _generator;

    /// <summary>Creates a loader; it keeps the tensors and the generator, which stay the caller's.</summary>
    /// <param name="x">Inputs (n), or (n, d) for d features.</param>
    /// <param name="y">Targets (n).</param>
    /// <param name="batchSize">Examples in a batch, at least 1.</param>
    /// <param name="shuffle">Whether each epoch has a new random order.</param>
    /// <param name="generator">The source of randomness, on the CPU.</param>
    /// <exception cref="ArgumentException">x is neither vector nor matrix, y is no vector, or x and y differ in length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is below 1.</exception>
    public TensorLoader(Tensor x, Tensor y, int batchSize, bool shuffle, Generator generator)
    {
        _x = Guard.Rows(x);
        _y = Guard.Vector(y);
        _batchSize = Guard.AtLeast(batchSize, 1);
        _shuffle = shuffle;
        _generator = generator ?? throw new ArgumentNullException(nameof(generator));
        if (x.shape[0] != y.shape[0])
        {
            throw new ArgumentException($"Expected as many targets as inputs ({x.shape[0]}), got {y.shape[0]}.", nameof(y));
        }
    }

    /// <summary>The number of examples.</summary>
    public long ExampleCount => _x.size(0);

    /// <inheritdoc/>
    /// <remarks>ceil(n / batch size).</remarks>
    public override int Count => (int)((ExampleCount + _batchSize - 1) / _batchSize);

    internal override long LargestBatch => Math.Min(_batchSize, ExampleCount);

    internal override long InputCount => _x.numel();

    internal Tensor X => _x;

    internal Tensor Y => _y;

    /// <inheritdoc/>
    public override IEnumerator<Batch> GetEnumerator()
    {
        using Tensor order = NextOrder().DetachFromDisposeScope();
        for (long start = 0; start < ExampleCount; start += _batchSize)
        {
            Tensor indices = order.slice(0, start, Math.Min(start + _batchSize, ExampleCount), 1);
            yield return new Batch(_x.index_select(0, indices), _y.index_select(0, indices), indices);
        }
    }

    /// <summary>The order of the examples in the next epoch, int64 (n), which an enumeration would have; it is drawn.</summary>
    internal Tensor NextOrder()
    {
        DrawSeed(_generator);
        if (!_shuffle)
        {
            return Held.Range(ExampleCount, _x.device);
        }

        using var generator = new Generator(DrawSeed(_generator));
        using Tensor order = randperm(ExampleCount, ScalarType.Int64, CPU, generator: generator);
        return order.to(_x.device, copy: true);
    }

    // PyTorch draws these with Tensor.random_() over the full range of int64, which TorchSharp cannot call: the same generator output
    // taken over [long.MinValue, 0) differs from it in the sign bit alone.
    private static ulong DrawSeed(Generator generator)
    {
        using Tensor drawn = randint(long.MinValue, 0L, [1L], ScalarType.Int64, CPU, generator: generator);
        GC.KeepAlive(generator);
        return (ulong)(drawn.item<long>() & long.MaxValue);
    }
}
