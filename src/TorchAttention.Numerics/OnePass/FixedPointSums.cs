namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The sums of T_k(t), y T_k(t) and y^2 T_k(t) over rows, for each column of values y, each term rounded once to a multiple of 2^-50 and
/// added as whole numbers: the same bits in any order, in any split, at any width of vectors.
/// </summary>
internal static unsafe class FixedPointSums
{
    /// <summary>A sum is a whole number of 2^-50.</summary>
    public const int Bits = 50;

    // So many terms of at most 1 cannot leave 64 bits.
    private const int MostRows = 512;

    // Adding it to a number below 2^51 leaves that number, rounded, in the low bits.
    internal const double Magic = 6755399441055744.0;

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
    /// <param name="y">
    /// For each column the values about the cell's level, in their unit; those of the rows begin at <paramref name="first"/>.
    /// </param>
    /// <param name="first">Where values of the rows begin.</param>
    /// <param name="s">The weights, in their unit.</param>
    /// <param name="sums">The cell's sums (rows of the grid, terms).</param>
    /// <param name="terms">The terms.</param>
    public static void Add(Span<double> t, double[][] y, int first, Span<double> s, Span<Int128> sums, int terms)
    {
        int tower = (1 + (2 * y.Length)) * terms;
        for (int i = 0; i < t.Length; i++)
        {
            if (s[i] <= 1 && !IsWide(y, first + i))
            {
                continue;
            }

            double power = s[i];
            for (int m = 0; m < MomentGrid.Towers; m++, power *= s[i])
            {
                AddTerms(t[i], power, sums.Slice(tower * m, terms));
                for (int c = 0; c < y.Length; c++)
                {
                    AddWide(t[i], y[c][first + i], power, sums.Slice((tower * m) + ((1 + (2 * c)) * terms), 2 * terms));
                }
            }

            s[i] = 0;
            for (int c = 0; c < y.Length; c++)
            {
                y[c][first + i] = 0;
            }
        }

        Span<double> powers = stackalloc double[MostRows];
        for (int start = 0; start < t.Length; start += MostRows)
        {
            int count = Math.Min(MostRows, t.Length - start);
            Span<double> places = t.Slice(start, count);
            Span<double> weights = s.Slice(start, count);
            powers[..count].Fill(1);
            AddMasses(places, powers[..count], sums.Slice(tower * MomentGrid.Towers, terms));
            for (int m = 0; m < MomentGrid.Towers; m++)
            {
                for (int i = 0; i < count; i++)
                {
                    powers[i] *= weights[i];
                }

                AddTower(places, powers[..count], y, first + start, sums.Slice(tower * m, tower), terms);
            }
        }
    }

    /// <summary>Adds rows of one cell.</summary>
    /// <param name="t">The places in the cell, -1 to 1.</param>
    /// <param name="y">
    /// For each column the values about the cell's level, in their unit; those of the rows begin at <paramref name="first"/>.
    /// </param>
    /// <param name="first">Where values of the rows begin.</param>
    /// <param name="sums">The cell's sums (rows of the grid, terms).</param>
    /// <param name="terms">The terms.</param>
    public static void Add(Span<double> t, double[][] y, int first, Span<Int128> sums, int terms)
    {
        for (int c = 0; c < y.Length; c++)
        {
            Span<double> values = y[c].AsSpan(first, t.Length);
            for (int i = 0; i < values.Length; i++)
            {
                if (!(Math.Abs(values[i]) <= 1))
                {
                    AddWide(t[i], values[i], 1, sums.Slice((1 + (2 * c)) * terms, 2 * terms));
                    values[i] = 0;
                }
            }
        }

        for (int start = 0; start < t.Length; start += MostRows)
        {
            int count = Math.Min(MostRows, t.Length - start);
            AddTower(t.Slice(start, count), [], y, first + start, sums, terms);
        }
    }

    internal static bool IsWide(double[][] y, int row)
    {
        bool isWide = false;
        for (int c = 0; c < y.Length; c++)
        {
            isWide |= !(Math.Abs(y[c][row]) <= 1);
        }

        return isWide;
    }

    // Sums of T_k are shared by all columns: those after the first add to their own alone.
    private static void AddTower(ReadOnlySpan<double> t, ReadOnlySpan<double> s, double[][] y, int first, Span<Int128> sums, int terms)
    {
        if (y.Length == 0)
        {
            AddMasses(t, s, sums);
            return;
        }

        AddChunk<MassesAndProducts>(t, s, y[0].AsSpan(first, t.Length), sums[..terms], sums.Slice(terms, 2 * terms));
        for (int c = 1; c < y.Length; c++)
        {
            AddChunk<ProductsAlone>(t, s, y[c].AsSpan(first, t.Length), [], sums.Slice((1 + (2 * c)) * terms, 2 * terms));
        }
    }

    private static void AddMasses(ReadOnlySpan<double> t, ReadOnlySpan<double> s, Span<Int128> sums) =>
        AddChunk<MassesAlone>(t, s, [], sums, []);

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
        int terms = sums.Length / 2;
        for (int k = 0; k < terms; k++)
        {
            double term = before;
            sums[k] = checked(sums[k] + Rounded(term * weight * y));
            sums[terms + k] = checked(sums[terms + k] + Rounded(term * weight * y * y));
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

    internal static Int128 Rounded(double value) => (Int128)Math.Round(value * (1L << Bits));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddChunk<T>(
        ReadOnlySpan<double> t, ReadOnlySpan<double> s, ReadOnlySpan<double> y, Span<Int128> masses, Span<Int128> products)
        where T : struct, IParts
    {
        int width = Vector<double>.Count;
        int padded = (t.Length + width - 1) / width * width;
        double* places = stackalloc double[padded];
        double* values = stackalloc double[T.HasProducts ? padded : 0];
        double* weights = stackalloc double[s.IsEmpty ? 0 : padded];
        bool hasWeights = !s.IsEmpty;
        double* before = stackalloc double[padded];
        double* now = stackalloc double[padded];
        Fill(places, t, padded);
        if (T.HasProducts)
        {
            Fill(values, y, padded);
        }

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
        int terms = T.HasMasses ? masses.Length : products.Length / 2;
        for (int k = 0; k < terms; k += 4)
        {
            Vector<long> m0 = default, m1 = default, m2 = default, m3 = default;
            Vector<long> v0 = default, v1 = default, v2 = default, v3 = default;
            Vector<long> q0 = default, q1 = default, q2 = default, q3 = default;
            for (int i = 0; i < padded; i += width)
            {
                Vector<double> place = Vector.Load(places + i);
                Vector<double> value = T.HasProducts ? Vector.Load(values + i) : default;
                Vector<double> twice = place + place;
                Vector<double> one = hasWeights ? Vector.Load(weights + i) * scale : scale;
                Vector<double> scaled = value * one;
                Vector<double> square = scaled * value;
                Vector<double> a = Vector.Load(before + i);
                Vector<double> b = Vector.Load(now + i);
                if (T.HasMasses)
                {
                    m0 += Rounded(a, one, magic);
                    m1 += Rounded(b, one, magic);
                }

                if (T.HasProducts)
                {
                    v0 += Rounded(a, scaled, magic);
                    q0 += Rounded(a, square, magic);
                    v1 += Rounded(b, scaled, magic);
                    q1 += Rounded(b, square, magic);
                }

                a = Vector.FusedMultiplyAdd(twice, b, -a);
                b = Vector.FusedMultiplyAdd(twice, a, -b);
                if (T.HasMasses)
                {
                    m2 += Rounded(a, one, magic);
                    m3 += Rounded(b, one, magic);
                }

                if (T.HasProducts)
                {
                    v2 += Rounded(a, scaled, magic);
                    q2 += Rounded(a, square, magic);
                    v3 += Rounded(b, scaled, magic);
                    q3 += Rounded(b, square, magic);
                }

                a = Vector.FusedMultiplyAdd(twice, b, -a);
                a.Store(before + i);
                Vector.FusedMultiplyAdd(twice, a, -b).Store(now + i);
            }

            if (T.HasMasses)
            {
                AddFour(masses[k..], offset, m0, m1, m2, m3);
            }

            if (T.HasProducts)
            {
                AddFour(products[k..], offset, v0, v1, v2, v3);
                AddFour(products[(terms + k)..], offset, q0, q1, q2, q3);
            }
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

    /// <summary>What is summed in one walk over rows.</summary>
    internal interface IParts
    {
        static abstract bool HasMasses { get; }

        static abstract bool HasProducts { get; }
    }

    internal readonly struct MassesAndProducts : IParts
    {
        public static bool HasMasses => true;

        public static bool HasProducts => true;
    }

    internal readonly struct ProductsAlone : IParts
    {
        public static bool HasMasses => false;

        public static bool HasProducts => true;
    }

    internal readonly struct MassesAlone : IParts
    {
        public static bool HasMasses => true;

        public static bool HasProducts => false;
    }
}
