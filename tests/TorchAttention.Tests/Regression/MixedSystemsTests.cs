using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Tests.Regression;

public sealed class MixedSystemsTests
{
    // Of 9 rows in reach, of 1, of 2 on a line, and of 9 that weigh so little that the ridge leaves the constant alone.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 0.25)]
    [InlineData(3, 0.25)]
    public void EachLane_IsOneSystem(int degree, double ridge)
    {
        var layout = new PolynomialLayout(2, 1, degree, hasSquares: false, hasGradient: false, isOwnSlope: false);
        double[][] rows = [Row(9), Row(1), Row(2), Row(9)];
        double[] inverseLargest = [1, 2, 0.5, 1e110];
        Vector256<double>[] sums =
            [.. Enumerable.Range(0, layout.Length).Select(k => Vector256.Create([.. rows.Select(row => row[k])]))];

        Vector256<double> found = new MixedSystems(layout, ridge).Values(sums, Vector256.Create(inverseLargest));

        for (int lane = 0; lane < rows.Length; lane++)
        {
            double held = ridge * inverseLargest[lane];
            var system = new LocalSystem(layout, Math.Min(held, MixedPolynomials.MostOfRidge));
            system.Factor(rows[lane], isConstant: held > MixedPolynomials.MostOfRidge);
            Assert.Equal(system.Value(rows[lane], 0), found[lane], 1e-9);
        }

        // Sums of places, weights and values that are exact in binary, so that what is left out is left out by both.
        double[] Row(int count)
        {
            double[] row = new double[layout.Length];
            for (int i = 0; i < count; i++)
            {
                double[] u = [(i % 3 / 2.0) - 0.25, (i / 3 / 4.0) + 0.5];
                double weight = 1 / (1.0 + (i % 2));
                for (int k = 0; k < layout.WeightTerms; k++)
                {
                    double power = weight * Math.Pow(u[0], layout.Powers.Exponent(k, 0)) * Math.Pow(u[1], layout.Powers.Exponent(k, 1));
                    row[k] += power;
                    if (k < layout.Terms)
                    {
                        row[layout.Values + k] += power * ((i * i % 5) + 1);
                    }
                }
            }

            return row;
        }
    }
}
