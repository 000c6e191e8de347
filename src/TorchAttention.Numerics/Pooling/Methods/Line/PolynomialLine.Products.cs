using TorchAttention.Numerics.Pooling.Loops;


namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>What is summed: polynomials of the distance r, one for the keys left of the query and one for those right of it.</content>
internal sealed unsafe partial class PolynomialLine<TKernel, TLanes>
{
    private static IEnumerable<Product> ProductsOf(SumLayout layout, double bandwidth)
    {
        double[] kernel = TKernel.Polynomial.ToArray();
        yield return Create(kernel, 1, SumLayout.WeightSum, SumLayout.Values);
        if (layout.HasPlanes)
        {
            // Positions are minus the distance on the left of the query and the distance on its right.
            yield return Create([0, .. kernel.Select(c => -c)], -1, layout.Planes, layout.Planes + 2);
            yield return Create([0, 0, .. kernel], 1, layout.Planes + 1, -1);
        }

        // A slope G is -K'(r) / r: G u^2 is -r K'(r), and G u / h is -K'(r) / h with the sign of q - k.
        if (layout.BandwidthGradient >= 0)
        {
            double[] change = [.. kernel.Select((c, k) => -k * c)];
            yield return Create(change, 1, layout.BandwidthGradient, layout.BandwidthGradient + 1);
            if (layout.PlaneGradient >= 0)
            {
                yield return Create([0, .. change.Select(c => -c)], -1, layout.PlaneGradient, layout.PlaneGradient + 2);
                yield return Create([0, 0, .. change], 1, layout.PlaneGradient + 1, -1);
            }
        }

        if (layout.QueryGradient >= 0)
        {
            double[] derivative = [.. kernel.Select((c, k) => -k * c / bandwidth).Skip(1), 0];
            yield return Create(derivative, -1, layout.QueryGradient, layout.QueryGradient + 1);
        }

        static Product Create(double[] onTheLeft, int sign, int weightSum, int valueSums) =>
            new(new MomentPolynomial(onTheLeft, 1), new MomentPolynomial([.. onTheLeft.Select(c => sign * c)], -1), weightSum, valueSums);
    }

    /// <summary>A polynomial and where its sums stand in a row.</summary>
    /// <param name="Left">For keys left of the query.</param>
    /// <param name="Right">For keys right of it.</param>
    /// <param name="WeightSum">The sum over sample weights.</param>
    /// <param name="ValueSums">The sums over values; negative where there are none.</param>
    private readonly record struct Product(MomentPolynomial Left, MomentPolynomial Right, int WeightSum, int ValueSums) : IDisposable
    {
        public void Dispose()
        {
            Left.Dispose();
            Right.Dispose();
        }
    }
}
