namespace TorchAttention.Numerics;

/// <summary>What pooling pair by pair says of a query (<see cref="DenseAttention"/>).</summary>
/// <param name="Output">The pooled value, sum w_i v_i / sum w_i; NaN where no key has a weight.</param>
/// <param name="LogWeightSum">log sum w_i; minus infinity where no key has a weight.</param>
/// <param name="EffectiveNeighbours">(sum w_i)^2 / sum w_i^2; 0 where no key has a weight.</param>
public readonly record struct DenseAnswer(double Output, double LogWeightSum, double EffectiveNeighbours)
{
    /// <summary>Whether any key has a weight.</summary>
    public bool HasNeighbour => LogWeightSum > double.NegativeInfinity;
}
