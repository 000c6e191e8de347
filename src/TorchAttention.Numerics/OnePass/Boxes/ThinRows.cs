namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// Rows that nearly leave a direction open: a feature that others add up to but for little, as a copy with noise. Planes vary there by
/// what sums hold too few digits of.
/// </summary>
internal static class ThinRows
{
    // Of the ranges: at the widest bandwidths, eight ranges, sums know no variance of so little.
    private const double Thin = 1.0 / 256;

    // Of the largest key, in ranges: what is left of exact sums and copies.
    private const double Rounding = 1e-11;

    /// <summary>Whether a direction is nearly open; one that is open but for rounding is not.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="features">d.</param>
    public static bool Are(double[] x, int features)
    {
        int n = x.Length / features;
        double[][] columns = [.. Enumerable.Range(0, features).Select(
            j => Enumerable.Range(0, n).Select(i => x[(i * features) + j]).ToArray())];
        double largest = 0;
        var left = new List<double[]>();
        foreach (double[] column in columns.Where(column => n > 0 && column.Max() > column.Min()))
        {
            (double mean, double range) = (column.Average(), column.Max() - column.Min());
            largest = Math.Max(largest, column.Max(Math.Abs) / range);
            left.Add(Array.ConvertAll(column, at => (at - mean) / range));
        }

        // Gram and Schmidt, the widest column first.
        while (left.Count > 0)
        {
            double[] widest = left.MaxBy(Square)!;
            double square = Square(widest);
            if (square < n * Thin * Thin)
            {
                return left.Any(column => column.Max(Math.Abs) > Rounding * (1 + largest));
            }

            left.Remove(widest);
            foreach (double[] column in left)
            {
                TakeOff(widest, square, column);
                TakeOff(widest, square, column);
            }
        }

        return false;
    }

    private static void TakeOff(double[] widest, double square, double[] column)
    {
        double part = 0;
        for (int i = 0; i < column.Length; i++)
        {
            part += widest[i] * column[i];
        }

        for (int i = 0; i < column.Length; i++)
        {
            column[i] -= part / square * widest[i];
        }
    }

    private static double Square(double[] column) => column.Sum(at => at * at);
}
