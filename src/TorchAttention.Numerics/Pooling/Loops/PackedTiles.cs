namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>All keys in the order they came in.</summary>
internal sealed class PackedTiles<T>(PoolingProblem<T> problem) : IKeyTiles
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly TilePacker<T, double> _packer = new(problem);

    public int Capacity => _packer.Capacity;

    public int Count => (problem.KeyCount + Capacity - 1) / Capacity;

    public Tile<double> Get(int index) => _packer.Pack(index * Capacity, Math.Min(Capacity, problem.KeyCount - (index * Capacity)));

    public int PlaceOf(int key, int index) => key - (index * Capacity);

    public void Dispose() => _packer.Dispose();
}
