using TorchAttention.Numerics.Attention;

namespace TorchAttention.Pooling;

/// <summary>Which keys count in <see cref="TiledAttention"/>, what a score is multiplied by and what is added to it.</summary>
public sealed record TiledOptions
{
    /// <summary>Which keys a query sees; null, the default, for all.</summary>
    public IKeyRange? Range { get; init; }

    /// <summary>What scores are multiplied by; null, the default, for what is usual: 1 / sqrt(d) of dot products, else 1.</summary>
    public double? Scale { get; init; }

    /// <summary>
    /// What is added to the score of query i and key j at place j - i + queries - 1: (queries + keys - 1), or (heads, queries + keys - 1).
    /// It may learn. Null, the default, for nothing.
    /// </summary>
    public Tensor? LeadBias { get; init; }

    /// <summary>The weights of a score's terms (d), which may learn; null, the default, for scores without.</summary>
    public Tensor? Weights { get; init; }

    /// <summary>The most threads at work; every processor by default. The numbers do not depend on it.</summary>
    public int? Threads { get; init; }

    /// <summary>The widest vectors to use, in bits; what the machine has by default.</summary>
    internal int? VectorBits { get; init; }

    /// <summary>Biases by places: b(j - i) is taken from a learned table of the leads -reach to reach, its ends beyond them.</summary>
    /// <param name="table">(2 reach + 1), or (heads, 2 reach + 1).</param>
    /// <param name="queries">How many queries there are.</param>
    /// <param name="keys">How many keys.</param>
    /// <returns>(..., queries + keys - 1), for <see cref="LeadBias"/>.</returns>
    /// <exception cref="ArgumentException">A table with an even number of leads.</exception>
    public static Tensor RelativeBias(Tensor table, int queries, int keys)
    {
        ArgumentNullException.ThrowIfNull(table);
        long reach = table.size(-1) / 2;
        if (table.size(-1) % 2 == 0)
        {
            throw new ArgumentException($"Expected a table of 2 reach + 1 leads, got shape {Guard.Shape(table)}.", nameof(table));
        }

        using Scalar least = -reach;
        using Scalar most = reach;
        using Tensor places = Leads(queries, keys, table.device).clamp(least, most) - tensor(-reach);
        return table.index_select(-1, places);
    }

    /// <summary>Attention with linear biases, -slope |i - j| (O. Press et al., 2022).</summary>
    /// <param name="slopes">A slope for each head (heads); may learn.</param>
    /// <param name="queries">How many queries there are.</param>
    /// <param name="keys">How many keys.</param>
    /// <returns>(heads, queries + keys - 1), for <see cref="LeadBias"/>.</returns>
    public static Tensor Alibi(Tensor slopes, int queries, int keys)
    {
        using Tensor distances = Leads(queries, keys, Guard.Vector(slopes).device).abs().neg().to(slopes.dtype);
        return slopes.unsqueeze(-1) * distances;
    }

    private static Tensor Leads(int queries, int keys, Device device) =>
        Held.Range(Math.Max(0, queries + keys - 1), device) - tensor(queries - 1L, device: device);
}
