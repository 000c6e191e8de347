using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Sharding;

/// <summary>How far from a query a shard's box may be for its rows to count.</summary>
/// <param name="manifest">The shards.</param>
/// <param name="request">The kernel, the bandwidths, the degree.</param>
internal sealed class ShardReach(ShardManifest manifest, ShardRequest request)
{
    // Of a Gaussian's weight a part so small changes no digit, and no plane that hangs on a millionth of it.
    private const double Nothing = -80;

    // What is at the very edge of a box may be within by rounding.
    private const double Edge = 1 + 1e-9;

    // A weight beside the nearest row's whose square is no number any more.
    private const double LogOfLeast = 350;

    // Sums below it have lost their digits.
    private const double LeastSum = 1e-200;

    private readonly double _logWeight = Math.Log(manifest.RelativeWeight);

    private bool IsGaussian => request.Kernel == SmoothingKernel.Gaussian;

    private bool IsBounded => double.IsFinite(request.Kernel.Support);

    /// <summary>Whether rows are left out that have a weight, though next to none.</summary>
    public bool LeavesOut => IsGaussian;

    /// <summary>The squared distance, in bandwidths, of those that count beside a sum of weights of 1.</summary>
    public double Square => IsBounded ? Edge * request.Kernel.Support * request.Kernel.Support : SquareFor(1);

    /// <summary>What all rows beyond <see cref="Square"/> weigh at most.</summary>
    public static double LeftOut => Math.ScaleB(1, (int)Nothing);

    /// <summary>The squared distance of those that count beside a sum of weights; null where the sum has lost its digits.</summary>
    public double? SquareBeside(double weightSum) => weightSum > LeastSum ? SquareFor(weightSum) : null;

    /// <summary>
    /// The squared distance of those that count beside the nearest row, of which is known that some shard has one within its box.
    /// </summary>
    /// <param name="query">The query (d).</param>
    /// <param name="isNearestAsked">Whether the nearest row is asked for where none has a weight.</param>
    public double SquareWithCare(ReadOnlySpan<double> query, bool isNearestAsked)
    {
        // With planes the rows beside the nearest count, however far; with weights the nearest may count next to nothing.
        if (!IsBounded && (!IsGaussian || request.Degree == 1 || manifest.HasWeights))
        {
            return double.PositiveInfinity;
        }

        if (IsBounded && !isNearestAsked)
        {
            return Square;
        }

        double nearest = NearestAcross(query);
        return IsBounded ? Math.Max(Square, nearest) : nearest + SquareFor(1);
    }

    /// <summary>The squared distance of the rows that a plane may hang on: the squares of their weights are numbers.</summary>
    /// <param name="query">The query (d).</param>
    public double SquareOfRows(ReadOnlySpan<double> query) =>
        IsBounded ? SquareWithCare(query, true) : Math.Pow(Math.Sqrt(NearestAcross(query)) + Math.Sqrt(2 * LogOfLeast), 2);

    private double NearestAcross(ReadOnlySpan<double> query)
    {
        double nearest = double.PositiveInfinity;
        foreach (Shard shard in manifest.Shards)
        {
            nearest = Math.Min(nearest, shard.SquareAcross(query, request.Bandwidths));
        }

        return Edge * nearest;
    }

    private double SquareFor(double weightSum) =>
        IsGaussian ? 2 * (_logWeight - (Nothing * Math.Log(2)) - Math.Log(weightSum)) : double.PositiveInfinity;
}
