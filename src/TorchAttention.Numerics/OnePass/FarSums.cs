namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The mean at places where no row is near: weights by their ratios to the largest. An estimate, since what is left out of a cell's series
/// is small beside its own weight alone.
/// </summary>
internal sealed class FarSums(MomentLevel level, double h)
{
    private const int K = MomentGrid.Terms;
    private const int Nodes = 4 * K;

    // e^-45 of the largest weight.
    private const double Reach = 90;

    private static readonly double[] _nodes = Chebyshev.Nodes(Nodes);
    private static readonly double[] _coefficients = Chebyshev.Coefficients(Nodes, K);

    /// <summary>The weighted mean at a place.</summary>
    /// <param name="x">The place.</param>
    /// <param name="without">A row that is not to count, or null.</param>
    public double Mean(double x, (double X, double Y)? without = null)
    {
        int right = Array.BinarySearch(level.Ids, level.CellOf(x));
        right = right < 0 ? ~right : right;
        int left = right - 1;
        double weights = 0;
        double products = 0;
        double reference = double.PositiveInfinity;
        while (left >= 0 || right < level.Count)
        {
            int cell = DistanceTo(left) <= DistanceTo(right) ? left-- : right++;
            if (Square(DistanceTo(cell) / h) > reference + Reach)
            {
                break;
            }

            AddCell(cell, x, without, ref reference, ref weights, ref products);
        }

        return products / weights;

        double DistanceTo(int cell) => cell < 0 || cell >= level.Count ? double.PositiveInfinity
            : Math.Max(0, Math.Max((level.Ids[cell] * level.CellWidth) - x, x - ((level.Ids[cell] + 1) * level.CellWidth)));
    }

    private void AddCell(
        int cell, double x, (double X, double Y)? without, ref double reference, ref double weights, ref double products)
    {
        if (level.Counts[cell] < CellStore.MostKept)
        {
            bool isLeftOut = without is null;
            foreach ((double X, double Y) row in level.Rows[cell])
            {
                if (!isLeftOut && row == without)
                {
                    isLeftOut = true;
                    continue;
                }

                Add(Square((x - row.X) / h), 1, row.Y, ref reference, ref weights, ref products);
            }

            return;
        }

        // In the middle of the cell, that of its rows' own squares.
        double middle = (level.Ids[cell] + 0.5) * level.CellWidth;
        double half = level.CellWidth / 2;
        double edge = Square(Math.Max(0, Math.Abs(x - middle) - half) / h);
        Span<double> values = stackalloc double[Nodes];
        Span<double> series = stackalloc double[K];
        for (int i = 0; i < Nodes; i++)
        {
            values[i] = Math.Exp(-0.5 * (Square((x - middle - (half * _nodes[i])) / h) - edge));
        }

        Chebyshev.Combine(values, _coefficients, series);
        double weight = 0;
        double product = 0;
        for (int k = 0; k < K; k++)
        {
            weight += series[k] * level.M[(cell * K) + k];
            product += series[k] * level.V[(cell * K) + k];
        }

        if (weight > 0)
        {
            Add(edge, weight, level.Levels[cell] + (product / weight), ref reference, ref weights, ref products);
        }
    }

    private static void Add(double square, double weight, double y, ref double reference, ref double weights, ref double products)
    {
        if (square < reference)
        {
            double factor = double.IsPositiveInfinity(reference) ? 0 : Math.Exp(-0.5 * (reference - square));
            weights *= factor;
            products *= factor;
            reference = square;
        }

        double part = weight * Math.Exp(-0.5 * (square - reference));
        weights += part;
        products += part * y;
    }

    private static double Square(double x) => x * x;
}
