using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>The sums of local polynomials by the Gaussian, through cells.</summary>
internal sealed unsafe class PolynomialCells<TLanes>(LineKeys keys, double bandwidth, PolynomialLayout layout, Work work)
    : GaussianCells<TLanes>(keys, bandwidth, PrecisionFor(layout), work)
    where TLanes : struct, ILanes<TLanes, double>
{
    // Of a weight sum of 1, what all keys beyond the reach may add to a sum.
    private const double Tolerance = 1e-13;

    // The square of a position at the reach.
    private const double FarSquare = 200;

    // A sum of u^k takes the kth derivative of a cell's polynomial: with 24 terms up to the sixth (degree 2, with its gradient) what is
    // left out is below 1e-14 of a key's weight, with 32 up to the eighth. Sums were found to be off by less than half of this for each
    // key.
    private const int MostPowersOfFewTerms = 7;
    private const double PairError = 1e-13;
    private const double PairErrorOfMorePowers = 1e-12;

    protected override int RowLength => layout.Length;

    protected override int BufferLength => PolynomialLoops<Gaussian, TLanes>.BufferLength(layout);

    protected override void AddPairs(int firstKey, int endKey, double* queries, int count, double* rows, double* buffers)
    {
        double inverse = 1 / Bandwidth;
        for (int i = 0; i < count; i++)
        {
            new Span<double>(buffers, layout.Length * TLanes.Count).Clear();
            PolynomialLoops<Gaussian, TLanes>.Add(Keys.Slice(firstKey, endKey - firstKey), layout, queries + i, &inverse, 0, buffers);
            PolynomialLoops<Gaussian, TLanes>.Reduce(layout, buffers, new Span<double>(rows + ((long)i * layout.Length), layout.Length));
        }
    }

    // With b_j the jth derivative over j!, all by Horner's rule: sum K He_j(u) = j! b_j, where u^k = sum_m k! / (2^m m! (k - 2m)!)
    // He_(k - 2m)(u).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Evaluate(TLanes t, int count, double* rows, double* local)
    {
        double* derivatives = stackalloc double[Math.Max(layout.WeightTerms, layout.ValueTerms) * TLanes.Count];
        double* sums = stackalloc double[TLanes.Count];
        for (int c = 0; c <= layout.Columns; c++)
        {
            int powers = c == 0 ? layout.WeightTerms : layout.ValueTerms;
            int first = c == 0 ? 0 : layout.Values + ((c - 1) * layout.ValueTerms);
            double* coefficients = local + (c * Terms);
            new Span<double>(derivatives, powers * TLanes.Count).Clear();
            for (int k = Terms - 1; k >= 0; k--)
            {
                for (int j = (powers - 1) * TLanes.Count; j > 0; j -= TLanes.Count)
                {
                    TLanes.MultiplyAdd(TLanes.Load(derivatives + j), t, TLanes.Load(derivatives + j - TLanes.Count)).Store(derivatives + j);
                }

                TLanes.MultiplyAdd(TLanes.Load(derivatives), t, TLanes.All(coefficients[k])).Store(derivatives);
            }

            double factorial = 1;
            for (int k = 0; k < powers; k++)
            {
                factorial *= Math.Max(1, k);
                double factor = factorial;
                TLanes sum = TLanes.All(0);
                for (int m = 0; 2 * m <= k; m++)
                {
                    sum = TLanes.MultiplyAdd(TLanes.Load(derivatives + ((k - (2 * m)) * TLanes.Count)), TLanes.All(factor), sum);
                    factor /= 2 * (m + 1);
                }

                sum.Store(sums);
                for (int i = 0; i < count; i++)
                {
                    rows[((long)i * layout.Length) + first + k] += sums[i];
                }
            }
        }
    }

    private static CellPrecision PrecisionFor(PolynomialLayout layout)
    {
        bool hasFew = layout.WeightTerms <= MostPowersOfFewTerms;
        int terms = hasFew ? 24 : 32;
        double error = hasFew ? PairError : PairErrorOfMorePowers;
        return new CellPrecision(Tolerance, Math.Pow(FarSquare, layout.WeightTerms / 2), error, terms, terms, MayBeWide: false);
    }
}
