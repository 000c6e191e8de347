using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// A Gaussian's sums at a query, with v its distance from a row in bandwidths and s the row's weight: S_p = sum s v^p K, T_p = sum s v^p K
/// (y - r), and R_p = sum s^2 v'^p K^2 with v' = sqrt(2) v; and what a mean or a line is of them.
/// </summary>
/// <remarks>
/// With D, A and B of a degree the fit is f = B / D and a row's own part in it H = s A / D. Means: D = S0, A = 1, B = T0. Lines:
/// D = S0 S2 - S1^2, A = S2, B = S2 T0 - S1 T1. A weight changes with log h by v^2, so the derivative of a sum is the one two powers up.
/// </remarks>
internal struct LocalSums
{
    /// <summary>The rows: S0 to S4, T0 to T3, R0 to R2.</summary>
    public const int FirstWeight = 0;
    public const int FirstProduct = 5;
    public const int FirstSquare = 9;
    public const int Rows = 12;

    /// <summary>How many powers have products.</summary>
    public const int Products = 4;

    public double S0, S1, S2, S3, S4;
    public double T0, T1, T2, T3;
    public double R0, R1, R2;

    /// <summary>How many powers of S a degree needs.</summary>
    public static int Weights(int degree) => degree == 0 ? 3 : 5;

    /// <summary>How many powers have a bound, and a sum of squares.</summary>
    public static int Certified(int degree) => degree == 0 ? 1 : 3;

    /// <summary>The rows that a degree needs.</summary>
    /// <param name="degree">0 or 1.</param>
    /// <param name="hasSquares">Whether the sums of squares are among them.</param>
    public static int[] RowsOf(int degree, bool hasSquares) =>
    [
        .. degree == 0 ? (int[])[0, 2, FirstProduct, FirstProduct + 2] : [.. Enumerable.Range(0, FirstSquare)],
        .. Enumerable.Range(FirstSquare, hasSquares ? Certified(degree) : 0),
    ];

    /// <summary>Whether a degree needs a power.</summary>
    public static bool IsUsed(int power, int degree) => degree > 0 || power % 2 == 0;

    /// <summary>The sums at a node.</summary>
    /// <param name="rows">Each row at all nodes.</param>
    /// <param name="node">Which node.</param>
    /// <param name="degree">0 or 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LocalSums At(double[][] rows, int node, int degree)
    {
        var sums = new LocalSums
        {
            S0 = rows[0][node],
            S2 = rows[2][node],
            T0 = rows[5][node],
            T2 = rows[7][node],
            R0 = rows[9][node],
        };
        if (degree > 0)
        {
            (sums.S1, sums.S3, sums.S4) = (rows[1][node], rows[3][node], rows[4][node]);
            (sums.T1, sums.T3) = (rows[6][node], rows[8][node]);
            (sums.R1, sums.R2) = (rows[10][node], rows[11][node]);
        }

        return sums;
    }

    /// <summary>The sums anywhere in a cell.</summary>
    /// <param name="rows">The polynomial of each row.</param>
    /// <param name="t">The place in the cell.</param>
    /// <param name="degree">0 or 1.</param>
    public static LocalSums AtPlace(double[][] rows, double t, int degree)
    {
        var sums = new LocalSums
        {
            S0 = Chebyshev.At(rows[0], t),
            S2 = Chebyshev.At(rows[2], t),
            T0 = Chebyshev.At(rows[5], t),
            T2 = Chebyshev.At(rows[7], t),
            R0 = Chebyshev.At(rows[9], t),
        };
        if (degree > 0)
        {
            (sums.S1, sums.S3, sums.S4) = (Chebyshev.At(rows[1], t), Chebyshev.At(rows[3], t), Chebyshev.At(rows[4], t));
            (sums.T1, sums.T3) = (Chebyshev.At(rows[6], t), Chebyshev.At(rows[8], t));
            (sums.R1, sums.R2) = (Chebyshev.At(rows[10], t), Chebyshev.At(rows[11], t));
        }

        return sums;
    }

    /// <summary>Adds a row.</summary>
    /// <param name="v">The query's distance from it, in bandwidths.</param>
    /// <param name="y">Its value, from the level.</param>
    /// <param name="s">Its own weight.</param>
    /// <returns>The row's weight s K.</returns>
    public double Add(double v, double y, double s)
    {
        double weight = s * Math.Exp(-0.5 * v * v);
        double square = weight * weight / s;
        S0 += weight;
        S1 += weight * v;
        S2 += weight * v * v;
        S3 += weight * v * v * v;
        S4 += weight * v * v * v * v;
        T0 += weight * y;
        T1 += weight * v * y;
        T2 += weight * v * v * y;
        T3 += weight * v * v * v * y;
        R0 += square;
        R1 += square * v * Math.Sqrt(2);
        R2 += square * v * v * 2;
        return weight;
    }

    /// <summary>The sizes of the sums.</summary>
    public readonly LocalSums Sizes() => new()
    {
        S0 = Math.Abs(S0),
        S1 = Math.Abs(S1),
        S2 = Math.Abs(S2),
        T0 = Math.Abs(T0),
        T1 = Math.Abs(T1),
        R0 = Math.Abs(R0),
        R1 = Math.Abs(R1),
        R2 = Math.Abs(R2),
    };

    /// <summary>The largest sizes of the sums anywhere in a cell.</summary>
    /// <param name="rows">Each row at all nodes.</param>
    /// <param name="between">How much more than at the nodes a row may be in between.</param>
    public static LocalSums Largest(double[][] rows, double between) => new()
    {
        S0 = between * SizeOf(rows[0]),
        S1 = between * SizeOf(rows[1]),
        S2 = between * SizeOf(rows[2]),
        T0 = between * SizeOf(rows[5]),
        T1 = between * SizeOf(rows[6]),
        R0 = between * SizeOf(rows[9]),
        R1 = between * SizeOf(rows[10]),
        R2 = between * SizeOf(rows[11]),
    };

    /// <summary>D.</summary>
    public readonly double Denominator(int degree) => degree == 0 ? S0 : (S0 * S2) - (S1 * S1);

    /// <summary>A.</summary>
    public readonly double Own(int degree) => degree == 0 ? 1 : S2;

    /// <summary>B.</summary>
    public readonly double Numerator(int degree) => degree == 0 ? T0 : (S2 * T0) - (S1 * T1);

    /// <summary>The derivatives of D, A and B by log h.</summary>
    public readonly (double D, double A, double B) ByLog(int degree) => degree == 0 ? (S2, 0, T2)
        : ((S2 * S2) + (S0 * S4) - (2 * S1 * S3), S4, (S4 * T0) + (S2 * T2) - (S3 * T1) - (S1 * T3));

    /// <summary>sum_i l_i^2 / s_i D^2.</summary>
    public readonly double Squares(int degree) =>
        degree == 0 ? R0 : (S2 * S2 * R0) - (Math.Sqrt(2) * S1 * S2 * R1) + (0.5 * S1 * S1 * R2);

    /// <summary>The line's slope, in a bandwidth.</summary>
    public readonly double Slope() => ((S1 * T0) - (S0 * T1)) / Denominator(1);

    private static double SizeOf(double[] values)
    {
        double largest = 0;
        foreach (double value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }
}

/// <summary>Bounds on what sums are off by, anywhere in a cell.</summary>
internal struct SumErrors
{
    public double S0, S1, S2;
    public double T0, T1;
    public double R0, R1, R2;

    /// <summary>Adds to the bounds of a power.</summary>
    public void Add(int power, double weight, double product, double square)
    {
        switch (power)
        {
            case 0:
                S0 += weight;
                T0 += product;
                R0 += square;
                break;
            case 1:
                S1 += weight;
                T1 += product;
                R1 += square;
                break;
            default:
                S2 += weight;
                R2 += square;
                break;
        }
    }

    /// <summary>Bounds of D, A and B where sums are at most so large.</summary>
    /// <param name="degree">0 or 1.</param>
    /// <param name="most">The largest sizes of the sums.</param>
    public readonly (double D, double A, double B) Of(int degree, in LocalSums most)
    {
        if (degree == 0)
        {
            return (S0, 0, T0);
        }

        // Products are also rounded, and their difference has fewer digits.
        double rounding = 4 * MomentSums.Rounding;
        double d = (most.S2 * S0) + (most.S0 * S2) + (S0 * S2) + (((2 * most.S1) + S1) * S1);
        double b = (most.S2 * T0) + (most.T0 * S2) + (S2 * T0) + (most.S1 * T1) + (most.T1 * S1) + (S1 * T1);
        return (
            d + (rounding * ((most.S0 * most.S2) + (most.S1 * most.S1))),
            S2,
            b + (rounding * ((most.S2 * most.T0) + (most.S1 * most.T1))));
    }

    /// <summary>The bound of sum_i l_i^2 D^2.</summary>
    public readonly double OfSquares(int degree, in LocalSums most)
    {
        if (degree == 0)
        {
            return R0;
        }

        double second = most.S2 + S2;
        double first = most.S1 + S1;
        double ofSecond = S2 * (most.S2 + second);
        double ofFirst = S1 * (most.S1 + first);
        double ofBoth = (S1 * second) + (S2 * most.S1);
        double rounding = 8 * MomentSums.Rounding;
        return (second * second * R0) + (most.R0 * ofSecond) + (Math.Sqrt(2) * ((first * second * R1) + (most.R1 * ofBoth)))
            + (0.5 * ((first * first * R2) + (most.R2 * ofFirst)))
            + (rounding * ((second * second * most.R0) + (2 * first * second * most.R1) + (first * first * most.R2)));
    }
}
