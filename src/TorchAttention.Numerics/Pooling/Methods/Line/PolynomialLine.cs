using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The sums of means and planes by a kernel that is a polynomial on its support.</summary>
/// <remarks>
/// Time n + m (degree^2 + keys between two sums); memory 2 (degree + 1)(1 + v) bytes a key, from degree 5 on a quarter of it.
/// </remarks>
internal sealed unsafe partial class PolynomialLine<TKernel, TLanes> : PrefixWindows<TKernel, TLanes>, ILineSums
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    // With few terms the moments keep their digits in cells of up to 2 bandwidths, else in cells of up to 1; and a sum takes less memory,
    // and there is one for every 4 keys, else for 16.
    private const int WideCellTerms = 5;
    private const int FewBlockBits = 2;
    private const int ManyBlockBits = 4;

    // Up to this many keys, a vector's set-up costs more than the keys.
    private const int FewKeys = 12;

    private readonly SumLayout _layout;
    private readonly double _scale;
    private readonly double[] _polynomial = TKernel.Polynomial.ToArray();

    // The kernel first, then what else is summed.
    private readonly Product[] _products;

    /// <summary>Prepares the sums.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="bandwidth">h.</param>
    /// <param name="inverseBandwidth">w = 1/h where that is what was given; null where h was.</param>
    /// <param name="layout">What sums will be asked for.</param>
    /// <param name="work">The threads.</param>
    public PolynomialLine(LineKeys keys, double bandwidth, double? inverseBandwidth, in SumLayout layout, Work work)
        : this(keys, bandwidth, inverseBandwidth, layout, [.. ProductsOf(layout, bandwidth)], work)
    {
    }

    private PolynomialLine(
        LineKeys keys, double bandwidth, double? inverseBandwidth, in SumLayout layout, Product[] products, Work work)
        : base(
            keys, bandwidth, inverseBandwidth, products.Max(product => product.Left.Count), WidthFor(bandwidth),
            HasFewTerms ? FewBlockBits : ManyBlockBits, work)
    {
        (_layout, _products) = (layout, products);
        _scale = TKernel.ArgumentScale / (bandwidth * bandwidth);

        // Keys are up to half a cell from its middle, queries that reach them a bandwidth more.
        double most = 1 + (WidthFor(bandwidth) / bandwidth);
        double size = 0;
        double ofChange = 0;
        double power = 1;
        for (int k = 0; k < _polynomial.Length; k++)
        {
            size += Math.Abs(_polynomial[k]) * power;
            ofChange += k * Math.Abs(_polynomial[k]) * power;
            power *= most;
        }

        PlaneGradientError = ofChange / size;
        size *= layout.HasPlanes ? Math.Pow(most, 2) : layout.HasGradient ? _polynomial.Length : 1;
        PairError = 8 * size * double.BitIncrement(1) - (8 * size);
    }

    /// <inheritdoc/>
    public double PlaneGradientError { get; }

    protected override double PairError { get; }

    protected override int RowLength => _layout.Length;

    protected override int BufferLength => DirectRun<TKernel, TLanes>.BufferLength;

    // A key at the query itself has the slope 0, which is what no polynomial of one side gives it.
    protected override bool SeesOwnKey => _layout.QueryGradient >= 0;

    private static bool HasFewTerms => TKernel.Polynomial.Length <= WideCellTerms;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void AddMoments(bool isLeft, double t, double scale, double* from, double* to, double* room, double* row)
    {
        foreach (Product product in _products)
        {
            (isLeft ? product.Left : product.Right).Fill(t, room);
            AddSums(from, to, room, product, row);
        }
    }

    protected override void Dispose(bool isDisposing)
    {
        Array.ForEach(_products, product => product.Dispose());
        base.Dispose(isDisposing);
    }

    private static double WidthFor(double bandwidth) => LineCells.WidthFor(bandwidth) * (HasFewTerms ? 4 : 2);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddSums(double* from, double* to, double* factors, in Product product, double* row)
    {
        int moments = product.Left.Count;
        int stride = Moments;
        double weight = 0;
        for (int j = 0; j < moments; j++)
        {
            weight += factors[j] * (to[j] - from[j]);
        }

        row[product.WeightSum] += weight;
        double* valueSums = row + product.ValueSums;
        for (int c = 1; product.ValueSums >= 0 && c <= Keys.Columns; c++)
        {
            from += stride;
            to += stride;
            double value = 0;
            for (int j = 0; j < moments; j++)
            {
                value += factors[j] * (to[j] - from[j]);
            }

            valueSums[c - 1] += value;
        }
    }
}
