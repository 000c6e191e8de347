namespace TorchAttention.Numerics.Attention;

/// <summary>What is asked: arrays row by row, in parts (examples x heads) that have nothing to do with each other.</summary>
internal sealed unsafe class AttentionRequest<T>
    where T : unmanaged
{
    public required int Parts { get; init; }

    public required int QueryCount { get; init; }

    public required int KeyCount { get; init; }

    public required int Features { get; init; }

    public required int Columns { get; init; }

    public required double Scale { get; init; }

    /// <summary>Which keys count.</summary>
    public required IKeyRange Range { get; init; }

    public required int Threads { get; init; }

    /// <summary>Vectors of so many bits; null for the widest there are.</summary>
    public int? VectorBits { get; init; }

    /// <summary>(parts, queries, features).</summary>
    public T* Queries { get; init; }

    /// <summary>(parts, keys, features).</summary>
    public T* Keys { get; init; }

    /// <summary>(parts, keys, columns).</summary>
    public T* Values { get; init; }

    /// <summary>What is added to the score of key j and query i, at place j - i + queries - 1 (bias parts, Leads).</summary>
    public T* LeadBias { get; init; }

    /// <summary>Part p takes the bias p modulo this; 0 where there is none.</summary>
    public int BiasParts { get; init; }

    /// <summary>The features' weights; null for 1.</summary>
    public T* Weights { get; init; }

    public int Leads => Math.Max(0, QueryCount + KeyCount - 1);
}

/// <summary>What comes out of the forward pass, and goes into the backward pass.</summary>
internal unsafe readonly struct AttentionResults<T>(T* outputs, T* logSums)
    where T : unmanaged
{
    /// <summary>(parts, queries, columns).</summary>
    public T* Outputs { get; } = outputs;

    /// <summary>log2 of the sums of 2^score, of scores in powers of 2 (parts, queries); minus infinity where no key counts.</summary>
    public T* LogSums { get; } = logSums;
}

/// <summary>Where gradients go, of the shapes of what they belong to; null where none is wanted.</summary>
internal unsafe readonly struct AttentionGradients<T>
    where T : unmanaged
{
    public T* Queries { get; init; }

    public T* Keys { get; init; }

    public T* Values { get; init; }

    public T* LeadBias { get; init; }

    public T* Weights { get; init; }
}
