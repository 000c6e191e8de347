using System.Numerics;
using TorchAttention.Numerics.Engine.Exact;

namespace TorchAttention.Numerics.Engine.Tree;

/// <summary>The keys as a tree, with their sample weights and normalised values in its order.</summary>
internal sealed unsafe class KeyTree<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The keys in a leaf.</summary>
    public const int LeafSize = 256;

    private readonly Scratch _columns;
    private readonly T* _sampleWeights;
    private readonly T* _values;
    private readonly int[]? _places;

    public KeyTree(PoolingProblem<T> problem)
    {
        Points = new PointTree<T>(problem.Keys, problem.KeyCount, problem.Keys, problem.InverseBandwidths, LeafSize);
        bool isWeighted = problem.SampleWeights is not null;
        _columns = new Scratch((long)Points.Stride * (problem.Columns + (isWeighted ? 1 : 0)) * sizeof(T));
        _values = _columns.As<T>();
        _sampleWeights = isWeighted ? _values + ((long)Points.Stride * problem.Columns) : null;
        for (int i = 0; i < Points.Count; i++)
        {
            int key = Points.Order[i];
            double sampleWeight = problem.SampleWeight(key);
            if (isWeighted)
            {
                _sampleWeights[i] = T.CreateTruncating(sampleWeight);
            }

            for (int c = 0; c < problem.Columns; c++)
            {
                _values[((long)c * Points.Stride) + i] = T.CreateTruncating(problem.Normalised(key, c) * sampleWeight);
            }
        }

        if (problem.LeftOut is not null)
        {
            _places = new int[Points.Count];
            for (int i = 0; i < Points.Count; i++)
            {
                _places[Points.Order[i]] = i;
            }
        }
    }

    public PointTree<T> Points { get; }

    /// <summary>Where a key stands; only asked where keys are left out.</summary>
    public int PlaceOf(int key) => _places![key];

    /// <summary>Some neighbouring keys.</summary>
    public Tile<T> Slice(int first, int count) =>
        new(count, Points.Stride, Points.Points + first, _sampleWeights is null ? null : _sampleWeights + first, _values + first);

    public void Dispose()
    {
        Points.Dispose();
        _columns.Dispose();
    }
}
