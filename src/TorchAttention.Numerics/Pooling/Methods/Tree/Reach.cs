using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Pooling.Methods.Tree;

/// <summary>Finds the keys that a leaf of queries can notice: stretches of the tree's order.</summary>
internal sealed class Reach<TKernel, T>(PointTree<T> keys, double exponent, int leastCount)
    where TKernel : IKernel
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Boxes are computed in float64 from exact corners; the loops' own rounding of a distance is what this allows for.
    private const double Margin = 1 + 1e-5;

    // Queries that stand together see each other's keys, too: some more where their box is this part of what one alone reaches.
    private const double PartOfReach = 0.25;

    /// <summary>The stretches found last, ascending and apart from each other.</summary>
    public List<(int First, int End)> Stretches { get; } = [];

    /// <summary>How many keys they hold.</summary>
    public long KeyCount { get; private set; }

    /// <summary>The squared distance in bandwidths beyond which keys were left out.</summary>
    public double SquaredReach { get; private set; }

    /// <summary>How long a leaf of several queries may be, in bandwidths.</summary>
    /// <param name="exponent">Keys count down to e^-exponent of the nearest one's weight.</param>
    public static double MostSide(double exponent) => PartOfReach * (KernelTraits<TKernel>.IsBounded ? 1 : Math.Sqrt(2 * exponent));

    /// <summary>Finds the stretches for a box of queries.</summary>
    /// <param name="box">The corners of the box, in bandwidths.</param>
    public void Find(ReadOnlySpan<double> box)
    {
        // Every query of the box has a key that counts no further away than the furthest corner of any leaf.
        SquaredReach = KernelTraits<TKernel>.IsBounded ? Margin
            : KernelTraits<TKernel>.IsGaussian ? NearestLeaf(box, 0, double.PositiveInfinity) + (2 * exponent)
            : double.PositiveInfinity;
        Stretches.Clear();
        KeyCount = 0;
        Visit(box, 0, SquaredReach);
    }

    private void Visit(ReadOnlySpan<double> box, int index, double reach)
    {
        (double least, double most) = PointTree<T>.SquaredDistances(box, keys.Box(index));
        if (least > reach)
        {
            return;
        }

        PointTree<T>.Node node = keys.Nodes[index];
        if (node.IsLeaf || most <= reach)
        {
            KeyCount += node.End - node.First;
            if (Stretches.Count > 0 && Stretches[^1].End == node.First)
            {
                Stretches[^1] = (Stretches[^1].First, node.End);
            }
            else
            {
                Stretches.Add((node.First, node.End));
            }

            return;
        }

        Visit(box, index + 1, reach);
        Visit(box, node.SecondBranch, reach);
    }

    private double NearestLeaf(ReadOnlySpan<double> box, int index, double best)
    {
        (double least, double most) = PointTree<T>.SquaredDistances(box, keys.Box(index));
        PointTree<T>.Node node = keys.Nodes[index];
        if (least >= best)
        {
            return best;
        }

        if (node.End - node.First >= leastCount)
        {
            best = Math.Min(best, most);
        }

        if (node.IsLeaf)
        {
            return best;
        }

        int first = index + 1;
        int second = node.SecondBranch;
        if (PointTree<T>.SquaredDistances(box, keys.Box(second)).Least < PointTree<T>.SquaredDistances(box, keys.Box(first)).Least)
        {
            (first, second) = (second, first);
        }

        return NearestLeaf(box, second, NearestLeaf(box, first, best));
    }
}
