namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Moments as numbers of float64, in order of their cells, at the grid's width or at a multiple by a power of 2: what wide bandwidths are
/// answered from.
/// </summary>
internal sealed class MomentLevel
{
    // T_k((t - 1) / 2) and T_k((t + 1) / 2) as sums of T_j(t): a cell's moments from those of its halves. Entries are multiples of 2^-k.
    private const int MostTerms = MomentGrid.TermsOfLines;
    private static readonly double[] _left = Halves(-1);
    private static readonly double[] _right = Halves(1);

    private MomentLevel(int exponent, int terms, int count)
    {
        Exponent = exponent;
        K = terms;
        Ids = new long[count];
        Levels = new double[count];
        Counts = new double[count];
        M = new double[count * K];
        V = new double[count * K];
        Q = new double[count * K];
        Rows = new (double X, double Y)[count][];
    }

    public int Exponent { get; }

    /// <summary>The number of terms K.</summary>
    public int K { get; }

    public double CellWidth => Math.ScaleB(1, Exponent);

    public int Count => Ids.Length;

    /// <summary>The cells' numbers, ascending.</summary>
    public long[] Ids { get; }

    /// <summary>What the values of each are counted from.</summary>
    public double[] Levels { get; }

    /// <summary>The rows of each.</summary>
    public double[] Counts { get; }

    /// <summary>sum T_k (cells, K).</summary>
    public double[] M { get; }

    /// <summary>sum (y - r) T_k.</summary>
    public double[] V { get; }

    /// <summary>sum (y - r)^2 T_k.</summary>
    public double[] Q { get; }

    /// <summary>The rows of cells that hold few; empty in others.</summary>
    public (double X, double Y)[][] Rows { get; }

    /// <summary>What each rounding of a value to a multiple of 2^-50 is off by at most, in units of the values.</summary>
    public double ValueUnit { get; private init; }

    /// <summary>What sums that others made are off by, <see cref="Moments.SummationError"/>.</summary>
    public double SummationError { get; private init; }

    public double LargestCount => Counts.Max();

    public static MomentLevel Create(Moments moments)
    {
        CellStore store = moments.Store;
        int[] places = store.InOrder();
        var level = new MomentLevel(moments.Grid.Exponent, moments.Grid.Terms, places.Length)
        {
            ValueUnit = moments.Grid.ValueUnit,
            SummationError = moments.SummationError,
        };
        double scale = Math.ScaleB(1, -FixedPointSums.Bits);
        for (int i = 0; i < places.Length; i++)
        {
            int place = places[i];
            level.Ids[i] = store.IdAt(place);
            level.Levels[i] = store.LevelAt(place);
            level.Counts[i] = store.CountAt(place);
            ReadOnlySpan<Int128> sums = store.SumsAt(place);
            int terms = level.K;
            for (int k = 0; k < terms; k++)
            {
                level.M[(i * terms) + k] = (double)sums[k] * scale;
                level.V[(i * terms) + k] = (double)sums[terms + k] * scale * level.ValueUnit;
                level.Q[(i * terms) + k] = (double)sums[(2 * terms) + k] * scale * level.ValueUnit * level.ValueUnit;
            }

            level.Rows[i] = store.RowsInOrder(place);
        }

        return level;
    }

    /// <summary>The same rows in cells twice as wide.</summary>
    public MomentLevel Coarser()
    {
        int count = Ids.Length == 0 ? 0 : 1;
        for (int i = 1; i < Ids.Length; i++)
        {
            count += Ids[i] >> 1 == Ids[i - 1] >> 1 ? 0 : 1;
        }

        var coarse = new MomentLevel(Exponent + 1, K, count) { ValueUnit = ValueUnit, SummationError = SummationError };
        int to = -1;
        for (int i = 0; i < Ids.Length; i++)
        {
            long parent = Ids[i] >> 1;
            if (to < 0 || coarse.Ids[to] != parent)
            {
                to++;
                (coarse.Ids[to], coarse.Levels[to], coarse.Rows[to]) = (parent, Levels[i], []);
            }

            bool isLeft = (Ids[i] & 1) == 0;
            AddHalf(coarse, to, i, isLeft ? _left : _right);
            double before = coarse.Counts[to];
            coarse.Counts[to] += Counts[i];
            coarse.Rows[to] = coarse.Counts[to] >= CellStore.MostKept ? []
                : before == 0 ? Rows[i]
                : [.. coarse.Rows[to], .. Rows[i]];
        }

        return coarse;
    }

    /// <summary>The place in a cell, -1 to 1.</summary>
    public double PlaceIn(long id, double x) => (2 * (Math.ScaleB(x, -Exponent) - id)) - 1;

    /// <summary>The number of the cell that a key lies in.</summary>
    public long CellOf(double x) => (long)Math.Floor(Math.ScaleB(x, -Exponent));

    private void AddHalf(MomentLevel coarse, int to, int from, double[] half)
    {
        double apart = Levels[from] - coarse.Levels[to];
        for (int k = 0; k < K; k++)
        {
            double m = 0;
            double v = 0;
            double q = 0;
            for (int j = 0; j <= k; j++)
            {
                double factor = half[(k * MostTerms) + j];
                double mass = M[(from * K) + j];
                double sum = V[(from * K) + j];
                m += factor * mass;
                v += factor * (sum + (apart * mass));
                q += factor * (Q[(from * K) + j] + (2 * apart * sum) + (apart * apart * mass));
            }

            coarse.M[(to * K) + k] += m;
            coarse.V[(to * K) + k] += v;
            coarse.Q[(to * K) + k] += q;
        }
    }

    // T_(k+1)(u) = 2 u T_k(u) - T_(k-1)(u) with u = (t + shift) / 2, and t T_j = (T_(j+1) + T_|j-1|) / 2.
    private static double[] Halves(int shift)
    {
        double[] rows = new double[MostTerms * MostTerms];
        rows[0] = 1;
        (rows[MostTerms], rows[MostTerms + 1]) = (0.5 * shift, 0.5);
        for (int k = 1; k + 1 < MostTerms; k++)
        {
            for (int j = 0; j <= k; j++)
            {
                double entry = rows[(k * MostTerms) + j];
                rows[((k + 1) * MostTerms) + j + 1] += entry / 2;
                rows[((k + 1) * MostTerms) + Math.Abs(j - 1)] += entry / 2;
                rows[((k + 1) * MostTerms) + j] += shift * entry;
            }

            for (int j = 0; j < k; j++)
            {
                rows[((k + 1) * MostTerms) + j] -= rows[((k - 1) * MostTerms) + j];
            }
        }

        return rows;
    }
}
