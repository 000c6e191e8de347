namespace TorchAttention.Numerics.Attention;

/// <summary>Which keys a query may look at: those from a first up to an end. What no query of a tile sees is never computed.</summary>
public interface IKeyRange
{
    /// <summary>The first key that the query sees, and the one after the last; may reach beyond the keys there are.</summary>
    /// <param name="part">The example, or the example's head, counted through: example x heads + head.</param>
    /// <param name="query">The query's place.</param>
    /// <param name="keys">How many keys there are.</param>
    (int First, int End) KeysOf(int part, int query, int keys);
}

/// <summary>All keys.</summary>
public readonly struct AllKeys : IKeyRange
{
    /// <inheritdoc/>
    public (int First, int End) KeysOf(int part, int query, int keys) => (0, keys);
}

/// <summary>The keys up to the query's own place.</summary>
public readonly struct CausalKeys : IKeyRange
{
    /// <inheritdoc/>
    public (int First, int End) KeysOf(int part, int query, int keys) => (0, query + 1);
}

/// <summary>A sliding window: the keys less than a width away.</summary>
/// <param name="width">The width w, at least 1: key j of query i counts where |i - j| is below w.</param>
/// <param name="isCausal">Whether the keys after the query's own place are left out.</param>
public readonly struct WindowKeys(int width, bool isCausal = false) : IKeyRange
{
    private readonly int _width = width >= 1
        ? width : throw new ArgumentOutOfRangeException(nameof(width), width, $"Expected a window of at least 1, got {width}.");

    /// <inheritdoc/>
    public (int First, int End) KeysOf(int part, int query, int keys) => (query - _width + 1, query + (isCausal ? 1 : _width));
}

/// <summary>The first keys of each example: the others are padding.</summary>
/// <param name="lengths">How many keys each example has.</param>
/// <param name="heads">The heads of an example, which are parts of their own; 1 by default.</param>
public readonly struct FirstKeys(IReadOnlyList<int> lengths, int heads = 1) : IKeyRange
{
    /// <inheritdoc/>
    public (int First, int End) KeysOf(int part, int query, int keys) => (0, lengths[part / heads]);
}
