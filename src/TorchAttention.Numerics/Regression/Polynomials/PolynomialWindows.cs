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
        keys, bandwidth, null, MomentsOf(layout.WeightTerms, layout.SlopeWeightTerms), LineCells.WidthFor(bandwidth), BlockBits, work)
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    // 16 keys between two sums: there are many moments.
    private const int BlockBits = 4;

    // Of keys on the right; on the left odd powers have the other sign.
    private readonly double[] _polynomial = TKernel.Polynomial.ToArray();

    // -2 dK / d(r^2) times r^2.
    private readonly double[] _slope = [.. TKernel.Polynomial.ToArray().Select((c, k) => -k * c)];

    protected override int RowLength => layout.Length;

    protected override int BufferLength => PolynomialLoops<TKernel, TLanes>.BufferLength(layout);

    protected override int RoomLength => Waiting.LengthFor(Moments);

    protected override double PairError { get; } =
        ErrorOf(1 + (LineCells.WidthFor(bandwidth) / bandwidth), MomentsOf(layout.WeightTerms, layout.SlopeWeightTerms));

    protected override bool SeesOwnKey => false;

    protected override void AddPairs(int first, int end, double* query, double h, double* row, double* buffers)
    {
        if (end <= first)
        {
            return;
        }

        double inverse = 1 / h;

        // Inside its window a kernel that jumps is constant, and no rounding of a distance can take a key out again.
        if (TKernel.HasJump)
        {
            PolynomialLoops<Constant, TLanes>.Add(Keys.Slice(first, end - first), layout, query, &inverse, 0, buffers);
        }
        else
        {
            PolynomialLoops<TKernel, TLanes>.Add(Keys.Slice(first, end - first), layout, query, &inverse, 0, buffers);
        }
    }

    protected override void EndPairs(double* row, double* buffers)
    {
        PolynomialLoops<TKernel, TLanes>.Reduce(layout, buffers, new Span<double>(row, layout.Length));
        new Span<double>(buffers, layout.Length * TLanes.Count).Clear();
    }

    protected override void AddMoments(bool isLeft, double t, double scale, double* from, double* to, double* room, double* row)
    {
        var waiting = new Waiting(room);
        int i = waiting.Count++;
        (waiting.MinusT[i], waiting.Scales[i], waiting.Signs[i]) = (-t, scale, isLeft ? -1 : 1);
        (waiting.From[i], waiting.To[i], waiting.Rows[i]) = ((nint)from, (nint)to, (nint)row);
        if (i == TLanes.Count - 1)
        {
            AddWaiting(room);
        }
    }

    // As many windows at a time as a register has lanes.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void AddWaiting(double* room)
    {
        var waiting = new Waiting(room);
        int count = waiting.Count;
        if (count == 0)
        {
            return;
        }

        waiting.Count = 0;
        double* factors = waiting.Factors;
        TLanes minusT = TLanes.Load(waiting.MinusT);
        TLanes scale = TLanes.Load(waiting.Scales);
        TLanes sign = TLanes.Load(waiting.Signs);
        for (int c = 0; c <= layout.Columns; c++)
        {
            int moments = c == 0 ? Moments : MomentsOf(layout.ValueTerms, layout.SlopeValueTerms);
            for (int i = 0; i < TLanes.Count; i++)
            {
                double* from = (double*)waiting.From[i] + (c * Moments);
                double* to = (double*)waiting.To[i] + (c * Moments);
                for (int j = 0; j < moments && i < count; j++)
                {
                    factors[(j * TLanes.Count) + i] = to[j] - from[j];
                }
            }

            // sum (u - t)^j of sum u^j: Pascal's triangle, a row at a time.
            for (int i = 1; i < moments; i++)
            {
                TLanes factor = TLanes.Load(factors + ((moments - 1) * TLanes.Count));
                for (int j = moments - 1; j >= i; j--)
                {
                    TLanes before = TLanes.Load(factors + ((j - 1) * TLanes.Count));
                    TLanes.MultiplyAdd(minusT, before, factor).Store(factors + (j * TLanes.Count));
                    factor = before;
                }
            }

            TLanes unit = scale;
            for (int j = 1; j < moments; j++, unit *= scale)
            {
                (TLanes.Load(factors + (j * TLanes.Count)) * unit).Store(factors + (j * TLanes.Count));
            }

            int column = (c - 1) * (c == 0 ? 0 : layout.ValueTerms);
            AddPowers(_polynomial, 0, c == 0 ? layout.WeightTerms : layout.ValueTerms, c == 0 ? 0 : layout.Values + column);
            if (layout.HasSlopeSums)
            {
                column = c == 0 ? 0 : layout.SlopeValues + ((c - 1) * layout.SlopeValueTerms) - layout.SlopeWeights;
                AddPowers(_slope, 2, c == 0 ? layout.SlopeWeightTerms : layout.SlopeValueTerms, layout.SlopeWeights + column);
            }
        }

        // Sums of a slope begin with u^2: there are no others that anything is made of.
        void AddPowers(double[] polynomial, int least, int end, int place)
        {
            double* sums = stackalloc double[TLanes.Count];
            for (int power = least; power < end; power++)
            {
                TLanes even = TLanes.All(0);
                TLanes odd = TLanes.All(0);
                for (int k = 0; k < polynomial.Length; k++)
                {
                    if (polynomial[k] != 0)
                    {
                        TLanes factor = TLanes.Load(factors + ((k + power - least) * TLanes.Count));
                        TLanes sum = TLanes.MultiplyAdd(TLanes.All(polynomial[k]), factor, k % 2 == 0 ? even : odd);
                        (even, odd) = k % 2 == 0 ? (sum, odd) : (even, sum);
                    }
                }

                TLanes.MultiplyAdd(sign, odd, even).Store(sums);
                for (int i = 0; i < count; i++)
                {
                    ((double*)waiting.Rows[i])[place + power] += sums[i];
                }
            }
        }
    }

    // What so many terms of sums with the kernel and with its slope are combinations of.
    private static int MomentsOf(int terms, int slopeTerms) => TKernel.Polynomial.Length + Math.Max(terms, slopeTerms - 2) - 1;

    private static double ErrorOf(double reach, int moments)
    {
        double size = 0;
        for (int k = 0; k < TKernel.Polynomial.Length; k++)
        {
            size += Math.Abs(TKernel.Polynomial[k]) * Math.Pow(reach, k + moments - TKernel.Polynomial.Length);
        }

        return 8 * size * (double.BitIncrement(1) - 1);
    }

    // Parts of windows that wait until there are as many as a register has lanes.
    private readonly struct Waiting(double* room)
    {
        public ref int Count => ref *(int*)room;

        public double* MinusT => room + 1;

        public double* Scales => MinusT + TLanes.Count;

        public double* Signs => Scales + TLanes.Count;

        public nint* From => (nint*)(Signs + TLanes.Count);

        public nint* To => From + TLanes.Count;

        public nint* Rows => To + TLanes.Count;

        public double* Factors => (double*)(Rows + TLanes.Count);

        public static int LengthFor(int moments) => 1 + ((6 + moments) * TLanes.Count);
    }
}
