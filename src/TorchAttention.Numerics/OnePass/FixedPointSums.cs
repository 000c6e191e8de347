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
                AddWide(t[i], y[i], sums);
                y[i] = 0;
            }
        }

        for (int first = 0; first < t.Length; first += MostRows)
        {
            int count = Math.Min(MostRows, t.Length - first);
            AddChunk(t.Slice(first, count), y.Slice(first, count), sums);
        }
    }

    // A value beyond the unit: its products in 128 bits. That of T_k alone is added with all others.
    private static void AddWide(double t, double y, Span<Int128> sums)
    {
        double before = 1;
        double now = t;
        int terms = sums.Length / 3;
        for (int k = 0; k < terms; k++)
        {
            double term = before;
            sums[terms + k] = checked(sums[terms + k] + Rounded(term * y));
            sums[(2 * terms) + k] = checked(sums[(2 * terms) + k] + Rounded(term * y * y));
            (before, now) = (now, Math.FusedMultiplyAdd(2 * t, now, -before));
        }

        static Int128 Rounded(double value) => (Int128)Math.Round(value * (1L << Bits));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddChunk(ReadOnlySpan<double> t, ReadOnlySpan<double> y, Span<Int128> sums)
    {
        int width = Vector<double>.Count;
        int padded = (t.Length + width - 1) / width * width;
        double* places = stackalloc double[padded];
        double* values = stackalloc double[padded];
        double* before = stackalloc double[padded];
        double* now = stackalloc double[padded];
        Fill(places, t, padded);
        Fill(values, y, padded);
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
                Vector<double> scaled = value * scale;
                Vector<double> square = scaled * value;
                Vector<double> a = Vector.Load(before + i);
                Vector<double> b = Vector.Load(now + i);
                m0 += Rounded(a, scale, magic);
                v0 += Rounded(a, scaled, magic);
                q0 += Rounded(a, square, magic);
                m1 += Rounded(b, scale, magic);
                v1 += Rounded(b, scaled, magic);
                q1 += Rounded(b, square, magic);
                a = Vector.FusedMultiplyAdd(twice, b, -a);
                m2 += Rounded(a, scale, magic);
                v2 += Rounded(a, scaled, magic);
                q2 += Rounded(a, square, magic);
                b = Vector.FusedMultiplyAdd(twice, a, -b);
                m3 += Rounded(b, scale, magic);
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
