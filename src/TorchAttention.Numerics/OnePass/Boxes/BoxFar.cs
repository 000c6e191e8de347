namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The mean at places where no row is near: weights by their ratios to the largest. A box of many rows counts as one place, their middle,
/// so that it is an estimate.
/// </summary>
internal sealed partial class BoxFar(BoxLevel level, double[] h)
{
    // e^-45 of the largest weight.
    private const double Reach = 90;

    /// <summary>What the rows span.</summary>
    public BoxSpan Span { get; } = new(level, h);

    /// <summary>The means of all columns at a place (v).</summary>
    /// <param name="x">The place (d).</param>
    /// <param name="without">A kept row that is not to count, or none.</param>
    public double[] At(ReadOnlySpan<double> x, ReadOnlySpan<double> without = default)
    {
        (double nearest, double weights) = (double.PositiveInfinity, 0);
        double[] products = new double[level.Columns];
        double[] values = new double[level.Columns];
        bool isLeftOut = without.IsEmpty;
        int d = level.Features;
        int terms = level.Terms.Count;
        for (int box = 0; box < level.Count; box++)
        {
            for (int at = 0; at < level.Rows[box].Length; at += level.Fields)
            {
                ReadOnlySpan<double> row = level.Rows[box].AsSpan(at, level.Fields);
                if (!isLeftOut && row.SequenceEqual(without))
                {
                    isLeftOut = true;
                    continue;
                }

                for (int c = 0; c < values.Length; c++)
                {
                    values[c] = level.ValueOf(row, c);
                }

                Add(SquareOf(x, row), row[^1]);
            }

            if (!level.HasLight(box))
            {
                continue;
            }

            double square = 0;
            BoxTower light = level.Light[0];
            double weight = light.M[box * terms];
            for (int j = 0; j < d; j++)
            {
                double middle = light.M[(box * terms) + level.Terms.First(j)] / weight;
                square += Square((level.PlaceIn(level.Ids[box], x[j], j) - middle) * level.Widths[j] / (2 * h[j]));
            }

            for (int c = 0; c < values.Length; c++)
            {
                values[c] = level.Levels[c][box] + (light.V[c][box * terms] / weight);
            }

            Add(square, weight);
        }

        return [.. products.Select(product => product / weights)];

        void Add(double square, double count)
        {
            double factor = 1;
            if (square < nearest)
            {
                factor = double.IsInfinity(nearest) ? 0 : Math.Exp(-0.5 * (nearest - square));
                nearest = square;
            }

            double weight = square > nearest + Reach ? 0 : count * Math.Exp(-0.5 * (square - nearest));
            weights = (weights * factor) + weight;
            for (int c = 0; c < products.Length; c++)
            {
                products[c] = (products[c] * factor) + (weight * values[c]);
            }
        }
    }

    private double SquareOf(ReadOnlySpan<double> x, ReadOnlySpan<double> row)
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
