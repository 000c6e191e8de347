namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The sums of the terms, of y times them and of y^2 times them, over rows of one box, in the fixed point of
/// <see cref="FixedPointSums"/>: the same bits in any order, in any split, at any width of vectors.
/// </summary>
internal static unsafe class BoxFixedSums
{
    private const int K = BoxTerms.K;

    // Tables of a feature for so many rows stay in the nearest cache.
    private const int MostRows = 128;

    /// <summary>Adds rows.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="t">The places in the box of each feature (d, n), -1 to 1.</param>
    /// <param name="y">The values about the box's level, in their unit.</param>
    /// <param name="sums">The box's sums (3, terms).</param>
    public static void Add(BoxTerms terms, double[][] t, double[] y, Span<Int128> sums)
    {
        int n = y.Length;
        for (int i = 0; i < n; i++)
        {
            if (!(Math.Abs(y[i]) <= 1))
            {
                AddWide(terms, t, i, y[i], sums);
                y[i] = 0;
            }
        }

        double[] tables = new double[terms.Features * K * MostRows];
        double[] products = new double[MostRows];
        for (int start = 0; start < n; start += MostRows)
        {
            int count = Math.Min(MostRows, n - start);
            int width = Vector<double>.Count;
            int padded = (count + width - 1) / width * width;
            for (int axis = 0; axis < terms.Features; axis++)
            {
                SetTable(t[axis].AsSpan(start, count), padded, tables.AsSpan(axis * K * MostRows));
            }

            AddChunk(terms, tables, y.AsSpan(start, count), padded, products, sums);
        }
    }

    // T_k (K, rows); 0 beyond the rows.
    private static void SetTable(ReadOnlySpan<double> t, int padded, Span<double> table)
    {
        table[..padded].Clear();
        table[..t.Length].Fill(1);
        table.Slice(MostRows, padded).Clear();
        t.CopyTo(table[MostRows..]);
        fixed (double* rows = table)
        {
            for (int i = 0; i < padded; i += Vector<double>.Count)
            {
                Vector<double> before = Vector.Load(rows + i);
                Vector<double> now = Vector.Load(rows + MostRows + i);
                Vector<double> twice = now + now;
                for (int k = 2; k < K; k++)
                {
                    (before, now) = (now, Vector.FusedMultiplyAdd(twice, now, -before));
                    now.Store(rows + (k * MostRows) + i);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddChunk(
        BoxTerms terms, double[] tables, ReadOnlySpan<double> y, int padded, double[] products, Span<Int128> sums)
    {
        double* values = stackalloc double[padded];
        y.CopyTo(new Span<double>(values, y.Length));
        new Span<double>(values + y.Length, padded - y.Length).Clear();
        long offset = unchecked(BitConverter.DoubleToInt64Bits(FixedPointSums.Magic) * padded);
        var magic = new Vector<double>(FixedPointSums.Magic);
        var scale = new Vector<double>(1L << FixedPointSums.Bits);
        int step = Vector<double>.Count;
        fixed (double* table = tables, others = products)
        {
            for (int rest = 0; rest < terms.Rest; rest++)
            {
                int limit = terms.Stages[0].Limits[rest];
                int first = terms.Stages[0].Offsets[rest];
                if (limit == 0)
                {
                    continue;
                }

                Multiply(terms, terms.Degrees[first], table, padded, others);
                for (int k = 0; k < limit; k++)
                {
                    Vector<long> m = default, v = default, q = default;
                    double* own = table + (k * MostRows);
                    for (int i = 0; i < padded; i += step)
                    {
                        Vector<double> term = Vector.Load(own + i) * Vector.Load(others + i);
                        Vector<double> value = Vector.Load(values + i);
                        Vector<double> scaled = value * scale;
                        m += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, scale, magic));
                        v += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, scaled, magic));
                        q += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, scaled * value, magic));
                    }

                    unchecked
                    {
                        sums[first + k] += Vector.Sum(m) - offset;
                        sums[terms.Count + first + k] += Vector.Sum(v) - offset;
                        sums[(2 * terms.Count) + first + k] += Vector.Sum(q) - offset;
                    }
                }
            }
        }
    }

    // The product of the terms of all features but the first.
    private static void Multiply(BoxTerms terms, int[] degrees, double* table, int padded, double* products)
    {
        for (int i = 0; i < padded; i += Vector<double>.Count)
        {
            Vector<double> product = Vector.Load(table + ((K + degrees[1]) * MostRows) + i);
            for (int axis = 2; axis < terms.Features; axis++)
            {
                product *= Vector.Load(table + (((axis * K) + degrees[axis]) * MostRows) + i);
            }

            product.Store(products + i);
        }
    }

    // A value beyond the unit: its products in 128 bits. Those of the terms alone are added with all others.
    private static void AddWide(BoxTerms terms, double[][] t, int row, double y, Span<Int128> sums)
    {
        double[] table = new double[terms.Features * K];
        for (int axis = 0; axis < terms.Features; axis++)
        {
            (table[axis * K], table[(axis * K) + 1]) = (1, t[axis][row]);
            for (int k = 2; k < K; k++)
            {
                table[(axis * K) + k] = Math.FusedMultiplyAdd(
                    2 * t[axis][row], table[(axis * K) + k - 1], -table[(axis * K) + k - 2]);
            }
        }

        for (int term = 0; term < terms.Count; term++)
        {
            int[] degrees = terms.Degrees[term];
            double others = table[K + degrees[1]];
            for (int axis = 2; axis < terms.Features; axis++)
            {
                others *= table[(axis * K) + degrees[axis]];
            }

            double product = table[degrees[0]] * others;
            sums[terms.Count + term] += FixedPointSums.Rounded(product * y);
            sums[(2 * terms.Count) + term] += FixedPointSums.Rounded(product * y * y);
        }
    }
}
