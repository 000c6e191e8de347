namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The mean at places where no row is near: weights by their ratios to the largest. A box of many rows counts as one place, their middle,
/// so that it is an estimate.
/// </summary>
internal sealed class BoxFar(BoxLevel level, double[] h)
{
    // e^-45 of the largest weight.
    private const double Reach = 90;

    /// <summary>The mean at a place.</summary>
    /// <param name="x">The place (d).</param>
    /// <param name="without">A row that is not to count, or null.</param>
    public double At(ReadOnlySpan<double> x, double[]? without = null)
    {
        (double nearest, double weights, double products) = (double.PositiveInfinity, 0, 0);
        bool isLeftOut = without is null;
        int d = level.Features;
        int terms = level.Terms.Count;
        for (int box = 0; box < level.Count; box++)
        {
            if (level.IsOfRows(box))
            {
                foreach (double[] row in level.Rows[box].Chunk(d + 1))
                {
                    if (!isLeftOut && row.AsSpan().SequenceEqual(without))
                    {
                        isLeftOut = true;
                        continue;
                    }

                    Add(SquareOf(x, row), 1, row[^1]);
                }

                continue;
            }

            double square = 0;
            double count = level.Counts[box];
            for (int j = 0; j < d; j++)
            {
                double middle = level.M[(box * terms) + level.Terms.First(j)] / count;
                square += Square((level.PlaceIn(level.Ids[box], x[j], j) - middle) * level.Widths[j] / (2 * h[j]));
            }

            Add(square, count, level.Levels[box] + (level.V[box * terms] / count));
        }

        return products / weights;

        void Add(double square, double count, double value)
        {
            if (square < nearest)
            {
                double factor = double.IsInfinity(nearest) ? 0 : Math.Exp(-0.5 * (nearest - square));
                (nearest, weights, products) = (square, weights * factor, products * factor);
            }

            double weight = square > nearest + Reach ? 0 : count * Math.Exp(-0.5 * (square - nearest));
            weights += weight;
            products += weight * value;
        }
    }

    private double SquareOf(ReadOnlySpan<double> x, double[] row)
    {
        double square = 0;
        for (int j = 0; j < x.Length; j++)
        {
            square += Square((x[j] - row[j]) / h[j]);
        }

        return square;
    }

    private static double Square(double x) => x * x;
}
