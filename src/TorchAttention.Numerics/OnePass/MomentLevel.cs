namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Moments of one column of values as numbers of float64, in order of their cells, at the grid's width or at a multiple by a power of 2:
/// what wide bandwidths are answered from.
/// </summary>
internal sealed class MomentLevel
{
    // T_k((t - 1) / 2) and T_k((t + 1) / 2) as sums of T_j(t): a cell's moments from those of its halves. Entries are multiples of 2^-k.
    internal const int MostTerms = MomentGrid.TermsOfLines;

    // Of a half width's square: a spread below is what rounding leaves of none.
    private const double LeastSpread = 1e-14;

    private static readonly double[] _left = Halves(-1);
    private static readonly double[] _right = Halves(1);

    private MomentLevel(int exponent, int terms, bool hasWeights, int count)
    {
        Exponent = exponent;
        K = terms;
        HasWeights = hasWeights;
        Ids = new long[count];
        Levels = new double[count];
        Counts = new double[count];
        Weights = new double[count];
        Units = new double[count];
        Rows = new KeptRow[count][];
        All = new Tower(count * terms);
        if (hasWeights)
        {
            Light = [.. Enumerable.Range(0, MomentGrid.Towers).Select(_ => new Tower(count * terms))];
            LightRows = new double[count * terms];
        }
        else
        {
            (Light, LightRows) = ([All], All.M);
        }
    }

    public int Exponent { get; }

    /// <summary>The number of terms K.</summary>
    public int K { get; }

    /// <summary>Whether rows have weights s; without, each is 1.</summary>
    public bool HasWeights { get; }

    public double CellWidth => Math.ScaleB(1, Exponent);

    public int Count => Ids.Length;

    /// <summary>The cells' numbers, ascending.</summary>
    public long[] Ids { get; }

    /// <summary>What the values of each are counted from.</summary>
    public double[] Levels { get; }

    /// <summary>How many rows each has.</summary>
    public double[] Counts { get; }

    /// <summary>What the rows of each weigh.</summary>
    public double[] Weights { get; }

    /// <summary>A row's weight is rounded to a part of this.</summary>
    public double[] Units { get; }

    /// <summary>Sums of s T_k, s (y - r) T_k and s (y - r)^2 T_k over all rows (cells, K).</summary>
    public Tower All { get; }

    /// <summary>What a row weighs on average.</summary>
    public double MeanWeight => Count == 0 ? 1 : Weights.Sum() / Counts.Sum();

    /// <summary>
    /// The same with s^m, m = 1, 2, .., over the rows that are not kept as rows; without weights of cells that keep none.
    /// </summary>
    public Tower[] Light { get; }

    /// <summary>sum T_k over these.</summary>
    public double[] LightRows { get; }

    /// <summary>The rows that are kept as rows: those that are a large part of their cell.</summary>
    public KeptRow[][] Rows { get; }

    /// <summary>What each rounding of a value to a multiple of 2^-50 is off by at most, in units of the values.</summary>
    public double ValueUnit { get; private init; }

    /// <summary>What sums that others made are off by, <see cref="Moments.SummationError"/>.</summary>
    public double SummationError { get; private init; }

    /// <summary>Rows of more than one in so many of their cell's weight are kept.</summary>
    public int MostKept { get; private init; }

    /// <summary>Whether a cell has rows that are not kept.</summary>
    public bool HasLight(int cell) => HasWeights ? Light[0].M[cell * K] > 0 : Rows[cell].Length == 0;

    /// <summary>All cells, of one column.</summary>
    public static MomentLevel Create(Moments moments, int column = 0) => CreateColumns(moments, moments.Ids())[column];

    /// <summary>Some cells, of each column (v); each class is a column, which is 1 at its rows and 0 at others.</summary>
    /// <param name="moments">The moments.</param>
    /// <param name="ids">The cells' numbers, ascending; each holds rows.</param>
    /// <param name="isAsked">Which parts of the rows; all where null.</param>
    public static MomentLevel[] CreateColumns(Moments moments, long[] ids, Func<Moments.Part, bool>? isAsked = null)
    {
        MomentGrid grid = moments.Grid;
        string[] classes = [.. moments.Classes];
        int columns = grid.HasClasses ? classes.Length : grid.Columns;
        (int Class, CellStore Store)[] parts = [.. moments.Stores().Where(part => isAsked?.Invoke(part.Part) != false)
            .Select(part => (Array.IndexOf(classes, part.Part.Class), part.Store))];
        MomentLevel[] levels = [.. Enumerable.Range(0, columns).Select(
            c => new MomentLevel(grid.Exponent, grid.Terms, grid.HasWeights, ids.Length)
            {
                ValueUnit = grid.ValueUnitAt(c),
                SummationError = moments.SummationError,
                MostKept = grid.MostKept,
            })];
        var cell = new CellSums(grid, columns);
        for (int i = 0; i < ids.Length; i++)
        {
            cell.Sum(ids[i], parts);
            for (int c = 0; c < columns; c++)
            {
                MomentLevel level = levels[c];
                level.Ids[i] = ids[i];
                level.Levels[i] = grid.HasClasses ? 0 : grid.LevelAt(ids[i], c);
                level.Counts[i] = cell.Count;
                level.Weights[i] = cell.Weight;
                level.Units[i] = grid.WeightUnitAt(ids[i]);
                level.Rows[i] = cell.RowsOf(c);
                level.SetSums(i, c, cell);
            }
        }

        return levels;
    }

    /// <summary>The same rows in cells twice as wide.</summary>
    public MomentLevel Coarser()
    {
        int count = Ids.Length == 0 ? 0 : 1;
        for (int i = 1; i < Ids.Length; i++)
        {
            count += Ids[i] >> 1 == Ids[i - 1] >> 1 ? 0 : 1;
        }

        var coarse = new MomentLevel(Exponent + 1, K, HasWeights, count)
        {
            ValueUnit = ValueUnit,
            SummationError = SummationError,
            MostKept = MostKept,
        };
        int to = -1;
        for (int i = 0; i < Ids.Length; i++)
        {
            long parent = Ids[i] >> 1;
            if (to < 0 || coarse.Ids[to] != parent)
            {
                to++;
                (coarse.Ids[to], coarse.Levels[to], coarse.Rows[to]) = (parent, Levels[i], []);
            }

            double[] half = (Ids[i] & 1) == 0 ? _left : _right;
            double apart = Levels[i] - coarse.Levels[to];
            All.AddHalf(coarse.All, to, i, half, apart, K);
            for (int m = 0; m < Light.Length && HasWeights; m++)
            {
                Light[m].AddHalf(coarse.Light[m], to, i, half, apart, K);
            }

            if (HasWeights)
            {
                AddHalf(coarse.LightRows, to, LightRows, i, half, K);
            }

            coarse.Counts[to] += Counts[i];
            coarse.Weights[to] += Weights[i];
            coarse.Units[to] = Math.Max(coarse.Units[to], Units[i]);
            coarse.Rows[to] = [.. coarse.Rows[to], .. Rows[i]];
            if (i + 1 == Ids.Length || Ids[i + 1] >> 1 != parent)
            {
                coarse.LetGo(to);
            }
        }

        return coarse;
    }

    /// <summary>Where the rows of a cell begin and end: they themselves where they are kept, else the cell.</summary>
    public (double Least, double Most) Ends(int cell) => HasLight(cell)
        ? (Math.ScaleB(Ids[cell], Exponent), Math.ScaleB(Ids[cell] + 1, Exponent))
        : (Rows[cell].Min(row => row.X), Rows[cell].Max(row => row.X));

    /// <summary>Where all rows of a cell lie; null where at several places, or where rows are kept.</summary>
    public double? PlaceOf(int cell)
    {
        double mass = All.M[cell * K];
        double mean = All.M[(cell * K) + 1] / mass;
        double square = (1 + (All.M[(cell * K) + 2] / mass)) / 2;
        return Rows[cell].Length == 0 && mass > 0 && square - (mean * mean) <= LeastSpread
            ? Math.ScaleB(Ids[cell] + ((1 + mean) / 2), Exponent)
            : null;
    }

    /// <summary>The place in a cell, -1 to 1.</summary>
    public double PlaceIn(long id, double x) => PlaceIn(id, x, Exponent);

    /// <summary>The place in a cell of 2^exponent.</summary>
    public static double PlaceIn(long id, double x, int exponent) => (2 * (Math.ScaleB(x, -exponent) - id)) - 1;

    /// <summary>The number of the cell that a key lies in.</summary>
    public long CellOf(double x) => (long)Math.Floor(Math.ScaleB(x, -Exponent));

    private void SetSums(int cell, int column, CellSums from)
    {
        SetTower(All, cell, column, from.All, Units[cell]);
        if (!HasWeights)
        {
            return;
        }

        int tower = from.TowerRows * K;
        double unit = 1;
        for (int m = 0; m < Light.Length; m++)
        {
            unit *= Units[cell];
            SetTower(Light[m], cell, column, from.Light.AsSpan(m * tower), unit);
        }

        SetTerms(LightRows, cell, from.Light.AsSpan(Light.Length * tower), 1);
    }

    private void SetTower(Tower tower, int cell, int column, ReadOnlySpan<Int128> sums, double unit)
    {
        SetTerms(tower.M, cell, sums, unit);
        SetTerms(tower.V, cell, sums[((1 + (2 * column)) * K)..], unit * ValueUnit);
        SetTerms(tower.Q, cell, sums[((2 + (2 * column)) * K)..], unit * ValueUnit * ValueUnit);
    }

    private void SetTerms(double[] to, int cell, ReadOnlySpan<Int128> sums, double unit)
    {
        double scale = Math.ScaleB(unit, -FixedPointSums.Bits);
        for (int k = 0; k < K; k++)
        {
            to[(cell * K) + k] = (double)sums[k] * scale;
        }
    }

    // Rows that are no large part of their cell any more go into its sums.
    private void LetGo(int cell)
    {
        KeptRow[] rows = Rows[cell];
        if (!HasWeights)
        {
            Rows[cell] = Counts[cell] < MostKept ? rows : [];
            return;
        }

        Rows[cell] = [.. rows.Where(row => row.Weight * MostKept > Weights[cell])];
        foreach (KeptRow row in rows.Where(row => !(row.Weight * MostKept > Weights[cell])))
        {
            double t = PlaceIn(Ids[cell], row.X);
            double y = row.Y - Levels[cell];
            (double before, double now) = (1, t);
            for (int k = 0; k < K; k++)
            {
                int at = (cell * K) + k;
                double term = before;
                LightRows[at] += term;
                foreach (Tower tower in Light)
                {
                    term *= row.Weight;
                    tower.M[at] += term;
                    tower.V[at] += term * y;
                    tower.Q[at] += term * y * y;
                }

                (before, now) = (now, (2 * t * now) - before);
            }
        }
    }

    private static void AddHalf(double[] to, int toCell, double[] from, int cell, double[] half, int terms)
    {
        for (int k = 0; k < terms; k++)
        {
            double sum = 0;
            for (int j = 0; j <= k; j++)
            {
                sum += half[(k * MostTerms) + j] * from[(cell * terms) + j];
            }

            to[(toCell * terms) + k] += sum;
        }
    }

    // T_(k+1)(u) = 2 u T_k(u) - T_(k-1)(u) with u = (t + shift) / 2, and t T_j = (T_(j+1) + T_|j-1|) / 2.
    internal static double[] Halves(int shift)
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

    /// <summary>Sums of s^m T_k, s^m (y - r) T_k and s^m (y - r)^2 T_k (cells, K).</summary>
    internal sealed class Tower(int length)
    {
        public double[] M { get; } = new double[length];

        public double[] V { get; } = new double[length];

        public double[] Q { get; } = new double[length];

        /// <summary>Adds the rows of a cell to those of one twice as wide.</summary>
        /// <param name="to">The wide cells.</param>
        /// <param name="toCell">Which.</param>
        /// <param name="cell">The narrow cell.</param>
        /// <param name="half">Which half it is.</param>
        /// <param name="apart">What its level is above the other's.</param>
        /// <param name="terms">K.</param>
        public void AddHalf(Tower to, int toCell, int cell, double[] half, double apart, int terms)
        {
            for (int k = 0; k < terms; k++)
            {
                double m = 0;
                double v = 0;
                double q = 0;
                for (int j = 0; j <= k; j++)
                {
                    double factor = half[(k * MostTerms) + j];
                    double mass = M[(cell * terms) + j];
                    double sum = V[(cell * terms) + j];
                    m += factor * mass;
                    v += factor * (sum + (apart * mass));
                    q += factor * (Q[(cell * terms) + j] + (2 * apart * sum) + (apart * apart * mass));
                }

                to.M[(toCell * terms) + k] += m;
                to.V[(toCell * terms) + k] += v;
                to.Q[(toCell * terms) + k] += q;
            }
        }
    }
}
