using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <content>What a piece can be off by: docs/certificates.md.</content>
public sealed partial class CondensedCurve
{
    private sealed partial class Making
    {
        // |F - B / D| <= (sup |F D - B| + dB + |F| dD) / (min D - dD): polynomials, known at enough nodes.
        private (double Mean, double Neighbours) BoundIn(Cell at, double[] mean, double[] neighbours, long cell, long cells)
        {
            double least = at.LeastDenominator - at.OfDenominator;
            double leastSquares = at.LeastSquares - at.OfSquares;
            if (!(least > 0) || !(leastSquares > 0))
            {
                return (double.PositiveInfinity, double.PositiveInfinity);
            }

            double residual = 0;
            double largest = 0;
            double ofSquares = 0;
            double mostCount = 0;
            double leastCount = double.PositiveInfinity;
            double mostDenominator = 0;
            for (int i = 0; i < _basis.Nodes; i++)
            {
                double t = (2 * (cell + ((_basis.Places[i] + 1) / 2)) / cells) - 1;
                double f = Chebyshev.At(mean, t);
                double count = Chebyshev.At(neighbours, t);
                double d = at.Denominators[i];
                residual = Math.Max(residual, Math.Abs((f * d) - at.Numerators[i]));
                largest = Math.Max(largest, Math.Abs(f));
                ofSquares = Math.Max(ofSquares, Math.Abs((count * at.Squares[i]) - (d * d)));
                mostCount = Math.Max(mostCount, count);
                leastCount = Math.Min(leastCount, count);
                mostDenominator = Math.Max(mostDenominator, d);
            }

            double between = _basis.Between(K - 1 + _order);
            double own = _basis.Between(K - 1);
            double ofMean = (((between * residual) + at.OfNumerator + (own * largest * at.OfDenominator)) / least) + RoundingOf(mean);
            double ofCount = ((_basis.Between(Math.Max(OrderOfSquares + K - 1, 2 * _order)) * ofSquares)
                + (own * mostCount * at.OfSquares)
                + (_basis.Between(_order) * mostDenominator * 2 * at.OfDenominator) + (at.OfDenominator * at.OfDenominator))
                / leastSquares;
            ofCount += RoundingOf(neighbours);
            return (ofMean, leastCount > 0 ? ofCount / leastCount : double.PositiveInfinity);
        }

        private static double RoundingOf(double[] polynomial) =>
            polynomial.Select((c, k) => (EvaluationError + (PlaceError * k * k)) * Math.Abs(c)).Sum();

        private Cell Make(long id)
        {
            MomentCurve.CellCurve curve = _curve.Make(id);
            double apart = curve.Level - _origin;

            // Values about the origin: T_p + apart S_p.
            double[][] polynomials = [.. curve.Polynomials];
            for (int power = 0; power < LocalSums.Products; power++)
            {
                double[] weights = curve.Polynomials[LocalSums.FirstWeight + power];
                double[] products = curve.Polynomials[LocalSums.FirstProduct + power];
                polynomials[LocalSums.FirstProduct + power] = [.. products.Select((c, k) => c + (apart * weights[k]))];
            }

            SumErrors errors = curve.Errors;
            errors.T0 += Math.Abs(apart) * errors.S0;
            errors.T1 += Math.Abs(apart) * errors.S1;
            int n = _basis.Nodes;
            double[][] values = [.. polynomials.Select(polynomial =>
            {
                double[] at = new double[n];
                _basis.Evaluate(polynomial, at);
                return at;
            })];
            double[] denominators = new double[n];
            double[] numerators = new double[n];
            double[] squares = new double[n];
            bool isFar = true;
            for (int i = 0; i < n; i++)
            {
                var sums = LocalSums.At(values, i, _degree);
                (denominators[i], numerators[i]) = (sums.Denominator(_degree), sums.Numerator(_degree));
                squares[i] = _meanWeight * sums.Squares(_degree);
                isFar &= sums.S2 > SquareInGap * sums.S0;
            }

            LocalSums largest = LocalSums.Largest(values, _basis.Between(_level.K - 1));
            (double ofD, _, double ofB) = errors.Of(_degree, largest);
            return new Cell(
                curve,
                polynomials,
                denominators,
                numerators,
                squares,
                _basis.Least(denominators, _order),
                _basis.Least(squares, OrderOfSquares),
                ofD,
                ofB,
                _meanWeight * errors.OfSquares(_degree, largest),
                isFar);
        }

        // That of sum l^2 / s D^2.
        private int OrderOfSquares => ((2 * _degree) + 1) * (_level.K - 1);

        /// <summary>
        /// Sums in a cell; values about the origin: as polynomials; D, B and sum l^2 / s D^2 at the nodes, the least they are in between,
        /// and what they are off by.
        /// </summary>
        private sealed record Cell(
            MomentCurve.CellCurve Curve,
            double[][] Polynomials,
            double[] Denominators,
            double[] Numerators,
            double[] Squares,
            double LeastDenominator,
            double LeastSquares,
            double OfDenominator,
            double OfNumerator,
            double OfSquares,
            bool IsFar);
    }
}
