namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The sums of T_k(t), y T_k(t) and y^2 T_k(t) over rows, each term rounded once to a multiple of 2^-50 and added as whole numbers: the
/// same bits in any order, in any split, at any width of vectors.
/// </summary>
internal static unsafe class FixedPointSums
{
    /// <summary>A sum is a whole number of 2^-50.</summary>
    public const int Bits = 50;

    // So many terms of at most 1 cannot leave 64 bits.
    private const int MostRows = 512;

    // Adding it to a number below 2^51 leaves that number, rounded, in the low bits.
    private const double Magic = 6755399441055744.0;

    // Of weights and values in their units: s^5 y^2 has 56 bits too.
    private const double LargestTerm = 1L << 56;

    // Of values in their unit: the square of the largest has 56 bits beside the 50, and half a million of them fit in 128.
    private const double LargestValue = 1 << 28;

    /// <summary>Refuses values whose squares would not fit.</summary>
    /// <param name="largest">The largest of them, in their unit.</param>
    /// <param name="unit">The unit.</param>
    /// <exception cref="RegressionDataException">It is too large.</exception>
    public static void CheckLargest(double largest, double unit)
    {
        if (!(largest <= LargestValue))
        {
            throw new RegressionDataException(
                RegressionProblem.Range,
                $"values within {LargestValue * unit:g4} of others nearby, as the rows that the cells were chosen by have them",
                $"one that is {largest * unit:g4} away");
        }
    }

    /// <summary>Refuses a weight whose powers would not fit.</summary>
    /// <param name="s">The weight, in its unit.</param>
    /// <param name="y">The value, in its unit.</param>
    /// <param name="unit">The weight's unit.</param>
    /// <exception cref="RegressionDataException">It is too large.</exception>
    public static void CheckLargest(double s, double y, double unit)
    {
        if (!(PowerOf(s, MomentGrid.Towers) * Math.Max(1, y * y) <= LargestTerm))
        {
            throw new RegressionDataException(
                RegressionProblem.Range,
                $"weights about as others nearby, {unit:g4} at most, as the rows that the cells were chosen by have them",
                $"one of {s * unit:g4}");
        }
    }

    /// <summary>Adds rows with weights of one cell.</summary>
    /// <param name="t">The places in the cell, -1 to 1.</param>
    /// <param name="y">The values about the cell's level, in their unit.</param>
    /// <param name="s">The weights, in their unit.</param>
    /// <param name="sums">The cell's sums (rows of the grid, terms).</param>
    /// <param name="terms">The terms.</param>
    public static void Add(Span<double> t, Span<double> y, Span<double> s, Span<Int128> sums, int terms)
    {
        for (int i = 0; i < y.Length; i++)
        {
            if (!(Math.Abs(y[i]) <= 1 && s[i] <= 1))
            {
                double power = s[i];
                for (int m = 0; m < MomentGrid.Towers; m++, power *= s[i])
                {
                    Span<Int128> tower = sums.Slice(3 * terms * m, 3 * terms);
                    AddWide(t[i], y[i], power, tower);
                    AddTerms(t[i], power, tower[..terms]);
                }

                (y[i], s[i]) = (0, 0);
            }
        }

        Span<Int128> counts = stackalloc Int128[3 * terms];
        Span<double> powers = stackalloc double[MostRows];
        counts.Clear();
        for (int first = 0; first < t.Length; first += MostRows)
        {
            int count = Math.Min(MostRows, t.Length - first);
            Span<double> places = t.Slice(first, count);
            Span<double> values = y.Slice(first, count);
            Span<double> weights = s.Slice(first, count);
            powers[..count].Fill(1);
            AddChunk(places, powers[..count], values, counts);
            for (int m = 0; m < MomentGrid.Towers; m++)
            {
                for (int i = 0; i < count; i++)
                {
                    powers[i] *= weights[i];
                }

                AddChunk(places, powers[..count], values, sums.Slice(3 * terms * m, 3 * terms));
            }
        }

        Span<Int128> rows = sums.Slice(3 * terms * MomentGrid.Towers, terms);
        for (int k = 0; k < terms; k++)
        {
            rows[k] = checked(rows[k] + counts[k]);
        }
    }

    /// <summary>Adds rows of one cell.</summary>
    /// <param name="t">The places in the cell, -1 to 1.</param>
    /// <param name="y">The values about the cell's level, in their unit.</param>
    /// <param name="sums">The cell's sums.</param>
    public static void Add(Span<double> t, Span<double> y, Span<Int128> sums)
    {
        for (int i = 0; i < y.Length; i++)
        {
            if (!(Math.Abs(y[i]) <= 1))
            {
                AddWide(t[i], y[i], 1, sums);
                y[i] = 0;
            }
        }

        for (int first = 0; first < t.Length; first += MostRows)
        {
            int count = Math.Min(MostRows, t.Length - first);
            AddChunk(t.Slice(first, count), [], y.Slice(first, count), sums);
        }
    }

    // s^m in the order of the powers above.
    private static double PowerOf(double s, int m)
    {
        double power = s;
        for (int i = 1; i < m; i++)
        {
            power *= s;
        }

        return power;
    }

    // A value beyond the unit: its products in 128 bits. That of T_k alone is added with all others.
    private static void AddWide(double t, double y, double weight, Span<Int128> sums)
    {
        double before = 1;
        double now = t;
        int terms = sums.Length / 3;
        for (int k = 0; k < terms; k++)
        {
            double term = before;
            sums[terms + k] = checked(sums[terms + k] + Rounded(term * weight * y));
            sums[(2 * terms) + k] = checked(sums[(2 * terms) + k] + Rounded(term * weight * y * y));
            (before, now) = (now, Math.FusedMultiplyAdd(2 * t, now, -before));
        }
    }

    private static void AddTerms(double t, double weight, Span<Int128> sums)
    {
        double before = 1;
        double now = t;
        for (int k = 0; k < sums.Length; k++)
        {
            sums[k] = checked(sums[k] + Rounded(before * weight));
            (before, now) = (now, Math.FusedMultiplyAdd(2 * t, now, -before));
        }
    }

    private static Int128 Rounded(double value) => (Int128)Math.Round(value * (1L << Bits));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddChunk(ReadOnlySpan<double> t, ReadOnlySpan<double> s, ReadOnlySpan<double> y, Span<Int128> sums)
    {
        int width = Vector<double>.Count;
        int padded = (t.Length + width - 1) / width * width;
        double* places = stackalloc double[padded];
        double* values = stackalloc double[padded];
        double* weights = stackalloc double[s.IsEmpty ? 0 : padded];
        bool hasWeights = !s.IsEmpty;
        double* before = stackalloc double[padded];
        double* now = stackalloc double[padded];
        Fill(places, t, padded);
        Fill(values, y, padded);
        if (hasWeights)
        {
            Fill(weights, s, padded);
        }

        Fill(now, t, padded);
        new Span<double>(before, t.Length).Fill(1);
        new Span<double>(before + t.Length, padded - t.Length).Clear();
        long offset = unchecked(BitConverter.DoubleToInt64Bits(Magic) * padded);
        var magic = new Vector<double>(Magic);
        var scale = new Vector<double>(1L << Bits);
        int terms = sums.Length / 3;
        for (int k = 0; k < terms; k += 4)
        {
            Vector<long> m0 = default, m1 = default, m2 = default, m3 = default;
            Vector<long> v0 = default, v1 = default, v2 = default, v3 = default;
            Vector<long> q0 = default, q1 = default, q2 = default, q3 = default;
            for (int i = 0; i < padded; i += width)
            {
                Vector<double> place = Vector.Load(places + i);
                Vector<double> value = Vector.Load(values + i);
                Vector<double> twice = place + place;
                Vector<double> one = hasWeights ? Vector.Load(weights + i) * scale : scale;
                Vector<double> scaled = value * one;
                Vector<double> square = scaled * value;
                Vector<double> a = Vector.Load(before + i);
                Vector<double> b = Vector.Load(now + i);
                m0 += Rounded(a, one, magic);
                v0 += Rounded(a, scaled, magic);
                q0 += Rounded(a, square, magic);
                m1 += Rounded(b, one, magic);
                v1 += Rounded(b, scaled, magic);
                q1 += Rounded(b, square, magic);
                a = Vector.FusedMultiplyAdd(twice, b, -a);
                m2 += Rounded(a, one, magic);
                v2 += Rounded(a, scaled, magic);
                q2 += Rounded(a, square, magic);
                b = Vector.FusedMultiplyAdd(twice, a, -b);
                m3 += Rounded(b, one, magic);
                v3 += Rounded(b, scaled, magic);
                q3 += Rounded(b, square, magic);
                a = Vector.FusedMultiplyAdd(twice, b, -a);
                a.Store(before + i);
                Vector.FusedMultiplyAdd(twice, a, -b).Store(now + i);
            }

            AddFour(sums[k..], offset, m0, m1, m2, m3);
            AddFour(sums[(terms + k)..], offset, v0, v1, v2, v3);
            AddFour(sums[((2 * terms) + k)..], offset, q0, q1, q2, q3);
        }
    }

    private static void Fill(double* to, ReadOnlySpan<double> numbers, int padded)
    {
        numbers.CopyTo(new Span<double>(to, numbers.Length));
        new Span<double>(to + numbers.Length, padded - numbers.Length).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<long> Rounded(Vector<double> a, Vector<double> b, Vector<double> magic) =>
        Vector.AsVectorInt64(Vector.FusedMultiplyAdd(a, b, magic));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFour(Span<Int128> sums, long offset, Vector<long> a, Vector<long> b, Vector<long> c, Vector<long> d)
    {
        unchecked
        {
            sums[0] += Vector.Sum(a) - offset;
            sums[1] += Vector.Sum(b) - offset;
            sums[2] += Vector.Sum(c) - offset;
            sums[3] += Vector.Sum(d) - offset;
        }
    }
}
