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
    /// <param name="y">The values about the box's levels (v, n), in their units.</param>
    /// <param name="s">The weights, in their unit; empty where each row counts alike.</param>
    /// <param name="sums">The box's sums (towers, 1 + 2 v, terms).</param>
    public static void Add(BoxTerms terms, double[][] t, double[][] y, double[] s, Span<Int128> sums)
    {
        int n = t[0].Length;
        int tower = (1 + (2 * y.Length)) * terms.Count;
        for (int i = 0; i < n; i++)
        {
            AddWide(terms, t, y, s, i, sums, tower);
        }

        double[] tables = new double[terms.Features * K * MostRows];
        double[] products = new double[MostRows];
        double[] powers = new double[s.Length == 0 ? 0 : MostRows];
        for (int start = 0; start < n; start += MostRows)
        {
            int count = Math.Min(MostRows, n - start);
            int width = Vector<double>.Count;
            int padded = (count + width - 1) / width * width;
            for (int axis = 0; axis < terms.Features; axis++)
            {
                SetTable(t[axis].AsSpan(start, count), padded, tables.AsSpan(axis * K * MostRows));
            }

            if (s.Length == 0)
            {
                AddTower([], sums);
                continue;
            }

            Array.Fill(powers, 1, 0, count);
            for (int m = 0; m < MomentGrid.Towers; m++)
            {
                for (int i = 0; i < count; i++)
                {
                    powers[i] *= s[start + i];
                }

                AddTower(powers.AsSpan(0, count), sums.Slice(m * tower, tower));
            }

            // Sums of the terms are shared by all columns.
            void AddTower(ReadOnlySpan<double> weights, Span<Int128> to)
            {
                ReadOnlySpan<double> first = y.Length == 0 ? [] : y[0].AsSpan(start, count);
                if (y.Length == 0)
                {
                    AddChunk<FixedPointSums.MassesAlone>(terms, tables, weights, first, padded, products, to, []);
                    return;
                }

                AddChunk<FixedPointSums.MassesAndProducts>(terms, tables, weights, first, padded, products, to, to[terms.Count..]);
                for (int c = 1; c < y.Length; c++)
                {
                    AddChunk<FixedPointSums.ProductsAlone>(
                        terms, tables, weights, y[c].AsSpan(start, count), padded, products, [], to[((1 + (2 * c)) * terms.Count)..]);
                }
            }
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
    private static void AddChunk<T>(
        BoxTerms terms,
        double[] tables,
        ReadOnlySpan<double> s,
        ReadOnlySpan<double> y,
        int padded,
        double[] products,
        Span<Int128> masses,
        Span<Int128> ofValues)
        where T : struct, FixedPointSums.IParts
    {
        double* values = stackalloc double[padded];
        y.CopyTo(new Span<double>(values, y.Length));
        new Span<double>(values + y.Length, padded - y.Length).Clear();

        // What a term is multiplied with: 2^50, and the weight.
        double* factors = stackalloc double[padded];
        for (int i = 0; i < padded; i++)
        {
            factors[i] = s.IsEmpty ? 1L << FixedPointSums.Bits : i < s.Length ? s[i] * (1L << FixedPointSums.Bits) : 0;
        }

        long offset = unchecked(BitConverter.DoubleToInt64Bits(FixedPointSums.Magic) * padded);
        var magic = new Vector<double>(FixedPointSums.Magic);
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
                        Vector<double> factor = Vector.Load(factors + i);
                        if (T.HasMasses)
                        {
                            m += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, factor, magic));
                        }

                        if (T.HasProducts)
                        {
                            Vector<double> value = Vector.Load(values + i);
                            Vector<double> scaled = value * factor;
                            v += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, scaled, magic));
                            q += Vector.AsVectorInt64(Vector.FusedMultiplyAdd(term, scaled * value, magic));
                        }
                    }

                    unchecked
                    {
                        if (T.HasMasses)
                        {
                            masses[first + k] += Vector.Sum(m) - offset;
                        }

                        if (T.HasProducts)
                        {
                            ofValues[first + k] += Vector.Sum(v) - offset;
                            ofValues[terms.Count + first + k] += Vector.Sum(q) - offset;
                        }
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

    // A value or a weight beyond its unit: its products in 128 bits. What is left of the row is added with all others.
    private static void AddWide(BoxTerms terms, double[][] t, double[][] y, double[] s, int row, Span<Int128> sums, int tower)
    {
        bool isHeavy = s.Length > 0 && !(s[row] <= 1);
        if (!isHeavy && !FixedPointSums.IsWide(y, row))
        {
            return;
        }

        double[][] tables = [.. t.Select(places => BoxBasis.Polynomials(places[row]))];
        double power = 1;
        for (int m = 0; m < sums.Length / tower; m++)
        {
            power *= s.Length > 0 ? s[row] : 1;
            Span<Int128> to = sums.Slice(m * tower, tower);
            for (int term = 0; term < terms.Count; term++)
            {
                double product = power * terms.Product(tables, term);
                to[term] += s.Length > 0 ? FixedPointSums.Rounded(product) : 0;
                for (int c = 0; c < y.Length; c++)
                {
                    if (s.Length > 0 || !(Math.Abs(y[c][row]) <= 1))
                    {
                        double value = y[c][row];
                        int at = ((1 + (2 * c)) * terms.Count) + term;
                        to[at] = checked(to[at] + FixedPointSums.Rounded(product * value));
                        at += terms.Count;
                        to[at] = checked(to[at] + FixedPointSums.Rounded(product * value * value));
                    }
                }
            }
        }

        for (int c = 0; c < y.Length; c++)
        {
            y[c][row] = s.Length > 0 || !(Math.Abs(y[c][row]) <= 1) ? 0 : y[c][row];
        }

        if (s.Length > 0)
        {
            s[row] = 0;
        }
    }
}
