namespace TorchAttention.Numerics.Pooling;

/// <summary>Some keys with their values, column by column, as the loops over pairs read them.</summary>
/// <remarks>
/// Every column can be read up to the next multiple of the widest vector past <see cref="Count"/>, and holds finite numbers there. Values
/// are centred and scaled to [-1, 1] and, where there are sample weights, multiplied by them.
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
internal readonly unsafe struct Tile<T>(int count, int stride, T* keys, T* sampleWeights, T* values)
    where T : unmanaged
{
    /// <summary>The number of keys.</summary>
    public readonly int Count = count;

    /// <summary>The distance from one column to the next.</summary>
    public readonly int Stride = stride;

    /// <summary>Keys (d, stride).</summary>
    public readonly T* Keys = keys;

    /// <summary>Sample weights (stride), at most 1; null where every key counts the same.</summary>
    public readonly T* SampleWeights = sampleWeights;

    /// <summary>Values (v, stride).</summary>
    public readonly T* Values = values;
}
