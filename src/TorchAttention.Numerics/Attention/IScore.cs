using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>
/// How well a key answers a query: scale times <see cref="Finish"/> of a sum over the features of terms of both. Attention weights are the
/// softmax of it.
/// </summary>
/// <remarks>
/// Implementations are empty structs, so that loops over pairs are compiled for each one. The same formulas run on tensors, where libtorch
/// differentiates them: slopes that do not belong to their terms are found by comparing the two.
/// </remarks>
public interface IScore
{
    /// <summary>The scale that is usual with so many features; 1 unless overridden.</summary>
    /// <param name="features">How many features there are.</param>
    static virtual double UsualScale(int features) => 1;

    /// <summary>Whether terms have weights, one for each feature, which learn.</summary>
    static virtual bool HasWeights => false;

    /// <summary>The sum with the term of one feature.</summary>
    /// <param name="sum">The sum so far.</param>
    /// <param name="query">The query's number.</param>
    /// <param name="key">The key's number.</param>
    /// <param name="weight">The feature's weight; 1 where <see cref="HasWeights"/> is false.</param>
    static abstract TLanes Add<TLanes, T>(TLanes sum, TLanes query, TLanes key, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged;

    /// <summary>The derivative of a term of weight 1 by the query's number.</summary>
    /// <param name="query">The query's number.</param>
    /// <param name="key">The key's number.</param>
    static abstract TLanes QuerySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged;

    /// <summary>The derivative of a term of weight 1 by the key's number.</summary>
    /// <inheritdoc cref="QuerySlope"/>
    static abstract TLanes KeySlope<TLanes, T>(TLanes query, TLanes key)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged;

    /// <summary>The score of a sum: the sum itself unless overridden. Minus infinity leaves the key out.</summary>
    /// <param name="sum">The sum over all features.</param>
    static virtual TLanes Finish<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => sum;

    /// <summary>The derivative of <see cref="Finish"/>.</summary>
    /// <inheritdoc cref="Finish"/>
    static virtual TLanes FinishSlope<TLanes, T>(TLanes sum)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged => TLanes.All(1);
}
