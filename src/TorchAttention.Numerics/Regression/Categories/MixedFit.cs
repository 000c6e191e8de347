namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>What the sums at a query come to.</summary>
/// <param name="Mean">The value; NaN where no example has a weight.</param>
/// <param name="Neighbours">1 / sum_i l_i^2 / s_i; 0 where no example has a weight, NaN where it was not summed.</param>
/// <param name="OwnPart">What an example at the query itself, of the weight that was asked about, has of the value.</param>
/// <param name="IsLevel">Whether a slope was left out, since the examples in reach do not determine it.</param>
internal readonly record struct MixedFit(double Mean, double Neighbours, double OwnPart, bool IsLevel = false)
{
    /// <summary>Where no example has a weight.</summary>
    public static MixedFit None { get; } = new(double.NaN, 0, 0);

    public bool HasNeighbour => !double.IsNaN(Mean);
}
