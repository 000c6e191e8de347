using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// The sums of local polynomials by a kernel that is a polynomial on its support: moments of the keys of a window about the query, of which
/// every sum is a combination.
/// </summary>
internal sealed unsafe class PolynomialWindows<TKernel, TLanes>(LineKeys keys, double bandwidth, PolynomialLayout layout, Work work)
    : PrefixWindows<TKernel, TLanes>(
        keys, bandwidth, null, TKernel.Polynomial.Length + MostPowers(layout), LineCells.WidthFor(bandwidth), BlockBits, work)
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    // 16 keys between two sums: there are many moments.
    private const int BlockBits = 4;

    private readonly double[] _right = TKernel.Polynomial.ToArray();
    private readonly double[] _left = [.. TKernel.Polynomial.ToArray().Select((c, k) => k % 2 == 0 ? c : -c)];

    // -2 dK / d(r^2) times r^2.
    private readonly double[] _slopeOnRight = [.. TKernel.Polynomial.ToArray().Select((c, k) => -k * c)];
    private readonly double[] _slopeOnLeft = [.. TKernel.Polynomial.ToArray().Select((c, k) => k % 2 == 0 ? -k * c : k * c)];

    protected override int RowLength => layout.Length;

    protected override int BufferLength => PolynomialLoops<TKernel, TLanes>.BufferLength(layout);

    protected override double PairError { get; } = ErrorOf(1 + (LineCells.WidthFor(bandwidth) / bandwidth), MostPowers(layout));

    protected override bool SeesOwnKey => false;

    protected override void AddPairs(int first, int end, double* query, double h, double* row, double* buffers)
    {
        if (end <= first)
        {
            return;
        }

        double inverse = 1 / h;
        new Span<double>(buffers, layout.Length * TLanes.Count).Clear();

        // Inside its window a kernel that jumps is constant, and no rounding of a distance can take a key out again.
        if (TKernel.HasJump)
        {
            PolynomialLoops<Constant, TLanes>.Add(Keys.Slice(first, end - first), layout, query, &inverse, 0, buffers);
        }
        else
        {
            PolynomialLoops<TKernel, TLanes>.Add(Keys.Slice(first, end - first), layout, query, &inverse, 0, buffers);
        }

        PolynomialLoops<TKernel, TLanes>.Reduce(layout, buffers, new Span<double>(row, layout.Length));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void AddMoments(bool isLeft, double t, double scale, double* from, double* to, double* factors, double* row)
    {
        double[] kernel = isLeft ? _left : _right;
        double[] slope = isLeft ? _slopeOnLeft : _slopeOnRight;
        for (int c = 0; c <= layout.Columns; c++, from += Moments, to += Moments)
        {
            for (int j = 0; j < Moments; j++)
            {
                factors[j] = to[j] - from[j];
            }

            // sum (u - t)^j of sum u^j: Pascal's triangle, a row at a time.
            for (int i = 1; i < Moments; i++)
            {
                for (int j = Moments - 1; j >= i; j--)
                {
                    factors[j] -= t * factors[j - 1];
                }
            }

            double unit = scale;
            for (int j = 1; j < Moments && scale != 1; j++, unit *= scale)
            {
                factors[j] *= unit;
            }

            int column = (c - 1) * (c == 0 ? 0 : layout.ValueTerms);
            AddPowers(kernel, 0, c == 0 ? layout.WeightTerms : layout.ValueTerms, row + (c == 0 ? 0 : layout.Values + column));
            if (layout.HasSlopeSums)
            {
                column = c == 0 ? 0 : layout.SlopeValues + ((c - 1) * layout.SlopeValueTerms) - layout.SlopeWeights;
                AddPowers(
                    slope, 2, c == 0 ? layout.SlopeWeightTerms : layout.SlopeValueTerms, row + layout.SlopeWeights + column);
            }
        }

        // Sums of a slope begin with u^2: there are no others that anything is made of.
        void AddPowers(double[] polynomial, int least, int end, double* sums)
        {
            for (int power = least; power < end; power++)
            {
                double sum = 0;
                for (int k = 0; k < polynomial.Length; k++)
                {
                    sum += polynomial[k] * factors[k + power - least];
                }

                sums[power] += sum;
            }
        }
    }

    private static int MostPowers(PolynomialLayout layout) => Math.Max(layout.WeightTerms, layout.SlopeWeightTerms - 2) - 1;

    private static double ErrorOf(double reach, int powers)
    {
        double size = 0;
        for (int k = 0; k < TKernel.Polynomial.Length; k++)
        {
            size += Math.Abs(TKernel.Polynomial[k]) * Math.Pow(reach, k + powers);
        }

        return 8 * size * (double.BitIncrement(1) - 1);
    }
}
