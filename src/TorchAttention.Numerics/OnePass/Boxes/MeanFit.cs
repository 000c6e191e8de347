using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>A mean by its sums, as <see cref="PlaneFit"/> has a plane.</summary>
internal readonly unsafe ref struct MeanFit : IPlane
{
    private readonly SumLayout _layout;
    private readonly double* _row;

    /// <summary>Prepares the mean.</summary>
    /// <param name="layout">Where the sums stand.</param>
    /// <param name="row">The sums.</param>
    public MeanFit(in SumLayout layout, double* row)
    {
        _layout = layout;
        _row = row;
    }

    /// <inheritdoc/>
    public bool IsLevel => true;

    /// <inheritdoc/>
    public double OwnWeight => 1 / _row[SumLayout.WeightSum];

    /// <inheritdoc/>
    public double Height(int column) => _row[SumLayout.Values + column] * OwnWeight;

    /// <inheritdoc/>
    public void SolveSlopes(int column)
    {
    }

    /// <inheritdoc/>
    public double Slope(int feature) => 0;

    /// <inheritdoc/>
    public double SquaredWeights() => _row[SumLayout.SquaredWeightSum] * OwnWeight * OwnWeight;

    /// <inheritdoc/>
    public double HeightChange(int feature, int column)
    {
        double* sums = _row + _layout.BandwidthGradient;
        return (sums[_layout.Features + (feature * _layout.Columns) + column] - (Height(column) * sums[feature])) * OwnWeight;
    }

    /// <inheritdoc/>
    public double OwnWeightChange(int feature) => -OwnWeight * OwnWeight * _row[_layout.BandwidthGradient + feature];
}
