namespace TorchAttention.Numerics.LocalLinear;

/// <summary>What a local linear attention is computed of.</summary>
internal sealed record LocalLinearInput
{
    /// <summary>q (m, d), row by row.</summary>
    public required double[] Queries { get; init; }

    /// <summary>k (n, d), row by row.</summary>
    public required double[] Keys { get; init; }

    /// <summary>v (n, c), row by row.</summary>
    public required double[] Values { get; init; }

    /// <summary>g (d): u = g (k - q) is how far a key is in each direction.</summary>
    public required double[] Scale { get; init; }

    /// <summary>lambda, not negative.</summary>
    public required double Ridge { get; init; }

    /// <summary>The key that each query does not see (m), -1 for none; where empty, each sees all.</summary>
    public int[] LeftOut { get; init; } = [];

    /// <summary>How many threads; all where null. They do not change a bit of the answers.</summary>
    public int? Threads { get; init; }

    public int Features => Scale.Length;

    public int QueryCount => Queries.Length / Features;

    public int KeyCount => Keys.Length / Features;

    public bool IsFinite() =>
        double.IsFinite(Ridge) && ((double[][])[Queries, Keys, Values, Scale]).All(part => Array.TrueForAll(part, double.IsFinite));

    public int Columns => KeyCount == 0 ? 0 : Values.Length / KeyCount;
}
