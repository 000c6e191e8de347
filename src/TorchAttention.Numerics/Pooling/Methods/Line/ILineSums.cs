namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The sums of means and planes over the keys in order, for queries in order.</summary>
internal interface ILineSums : IRowSums
{
    /// <summary>
    /// How many times more than <see cref="IRowSums.Sum"/> says of any other the sums for the gradient of planes may be off.
    /// </summary>
    double PlaneGradientError { get; }
}
