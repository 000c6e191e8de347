using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <content>Fits of higher degrees, and of all with a ridge.</content>
internal sealed partial class LineGrid
{
    /// <summary>The weight of one more example at each point, and the height of each column there.</summary>
    /// <param name="table">The kernel's weights at whole distances.</param>
    /// <param name="inSpacings">The bandwidth in distances of points.</param>
    /// <param name="degree">The degree.</param>
    /// <param name="ridge">The ridge; 0 for none.</param>
    /// <param name="rented">Memory for it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double[] OwnWeights, double[][] Fitted) Polynomials(double[] table, double inSpacings, int degree, double ridge, Rented rented)
    {
        var layout = new PolynomialLayout(1, _values.Length, degree, hasSquares: false, hasGradient: false, isOwnSlope: true);
        double[][] sums = new double[layout.Length][];
        double[] units = new double[layout.Length];
        for (int i = 0; i < sums.Length; i++)
        {
            (int column, int power) = i < layout.Values ? (-1, i) : Math.DivRem(i - layout.Values, layout.ValueTerms);
            sums[i] = Convolved(column < 0 ? _weightSums : _valueSums[column], table, power, rented);
            units[i] = Math.Pow(inSpacings, -power);
        }

        var system = new LocalSystem(layout, ridge);
        double[] row = new double[layout.Length];
        double[] ownWeights = rented.Take(_points);
        double[][] fitted = [.. _values.Select(_ => rented.Take(_points))];
        for (int g = 0; g < _points; g++)
        {
            if (_counts[g] == 0 || !(sums[0][g] > 0))
            {
                continue;
            }

            for (int i = 0; i < row.Length; i++)
            {
                row[i] = sums[i][g] * units[i];
            }

            system.Factor(row, isConstant: false);
            ownWeights[g] = system.Weights[0];
            for (int c = 0; c < fitted.Length; c++)
            {
                fitted[c][g] = system.Value(row, c);
            }
        }

        return (ownWeights, fitted);
    }
}
