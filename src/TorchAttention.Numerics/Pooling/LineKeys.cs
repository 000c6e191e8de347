namespace TorchAttention.Numerics.Pooling;

/// <summary>The keys in order, with their sample weights and values, in float64.</summary>
internal sealed unsafe class LineKeys : IDisposable
{
    private const int Padding = 16;
    private readonly Scratch _columns;

    private LineKeys(SortedNumbers keys, int columns, bool isWeighted)
    {
        Sorted = keys;
        Columns = columns;
        Stride = keys.Count + Padding;
        _columns = new Scratch((long)Stride * (columns + (isWeighted ? 1 : 0)) * sizeof(double));
        Values = _columns.As<double>();
        SampleWeights = isWeighted ? Values + ((long)Stride * columns) : null;
    }

    public SortedNumbers Sorted { get; }

    public int Count => Sorted.Count;

    public int Columns { get; }

    public int Stride { get; }

    /// <summary>Keys (n), ascending.</summary>
    public double* Keys => Sorted.Numbers;

    /// <summary>Sample weights (n); null where there are none.</summary>
    public double* SampleWeights { get; }

    /// <summary>Normalised values times sample weights (v, stride).</summary>
    public double* Values { get; }

    public static LineKeys Sort<T>(Samples<T> samples)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sorted = SortedNumbers.Sort(samples.Keys, samples.Count);
        var line = new LineKeys(sorted, samples.Columns, samples.SampleWeights is not null);
        samples.CopyColumns(sorted.Order, line.Stride, line.SampleWeights, line.Values);
        return line;
    }

    /// <summary>The same keys with squared sample weights and no values: for the sum of squared weights.</summary>
    public LineKeys Squared()
    {
        var squared = new LineKeys(Sorted, 0, SampleWeights is not null);
        for (int i = 0; SampleWeights is not null && i < Count; i++)
        {
            squared.SampleWeights[i] = SampleWeights[i] * SampleWeights[i];
        }

        return squared;
    }

    /// <summary>Some neighbouring keys.</summary>
    public Tile<double> Slice(int first, int count) =>
        new(count, Stride, Keys + first, SampleWeights is null ? null : SampleWeights + first, Values + first);

    public void Dispose()
    {
        _columns.Dispose();
        Sorted.Dispose();
    }
}
