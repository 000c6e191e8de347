namespace TorchAttention.Numerics.Pooling.Methods.Tree;

/// <summary>The keys as a tree, with their sample weights and normalised values in its order.</summary>
internal sealed unsafe class KeyTree<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The keys in a leaf.</summary>
    public const int LeafSize = 256;

    private readonly Scratch _columns;
    private readonly T* _sampleWeights;
    private readonly T* _values;
    private readonly Lazy<int[]> _places;

    public KeyTree(Samples<T> samples, double[] inverseBandwidths)
    {
        Points = new PointTree<T>(samples.Keys, samples.Count, samples.Keys, inverseBandwidths, LeafSize);
        bool isWeighted = samples.SampleWeights is not null;
        _columns = new Scratch((long)Points.Stride * (samples.Columns + (isWeighted ? 1 : 0)) * sizeof(T));
        _values = _columns.As<T>();
        _sampleWeights = isWeighted ? _values + ((long)Points.Stride * samples.Columns) : null;
        samples.CopyColumns(Points.Order, Points.Stride, _sampleWeights, _values);
        _places = new(Inverse);
    }

    public PointTree<T> Points { get; }

    /// <summary>Where a key stands.</summary>
    public int PlaceOf(int key) => _places.Value[key];

    /// <summary>Some neighbouring keys.</summary>
    public Tile<T> Slice(int first, int count) =>
        new(count, Points.Stride, Points.Points + first, _sampleWeights is null ? null : _sampleWeights + first, _values + first);

    public void Dispose()
    {
        Points.Dispose();
        _columns.Dispose();
    }

    private int[] Inverse()
    {
        int[] places = new int[Points.Count];
        for (int i = 0; i < places.Length; i++)
        {
            places[Points.Order[i]] = i;
        }

        return places;
    }
}
