using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// How moments are cut: cells of the width w = 2^e on an absolute grid (cell j holds the keys from j w to below (j + 1) w), a level r_j in
/// each cell that the values of a column are counted from, and the unit of what is left of them. Moments of one grid add up, whoever
/// summed them.
/// </summary>
public sealed partial class MomentGrid : IEquatable<MomentGrid>
{
    /// <summary>Terms of a curve of means: Chebyshev's polynomials of the degrees 0 to 15.</summary>
    internal const int TermsOfMeans = 16;

    /// <summary>Terms of a curve of lines, whose sums are of v^2 K and differences of products.</summary>
    internal const int TermsOfLines = 24;

    /// <summary>
    /// With weights s the sums of s^m, m = 1 .. Towers: a row's own part is s / S0, and 1 / (1 - s / S0)^2 a sum of its powers.
    /// </summary>
    internal const int Towers = 5;

    // A row is kept where it is more than this part of its cell's weight: moments cannot tell it from the cell.
    internal const int KeptOfEqual = 32;
    internal const int KeptOfWeighted = 64;

    /// <summary>The least and the largest e.</summary>
    internal const int LeastExponent = -900;
    internal const int MostExponent = 900;

    /// <summary>Cells beyond have numbers that float64 does not tell from each other.</summary>
    internal const double MostCell = 1L << 52;

    /// <summary>Each fold has sums of its own.</summary>
    internal const int MostFolds = 1000;

    /// <summary>As many rows as a search takes a moment for.</summary>
    private const int PilotRows = 100_000;
    private const double MostTiedPairs = 2e7;

    // The best bandwidth of more rows is known from that of the pilot's to a factor of 1.5 (four curves, 10^6 rows); narrower bandwidths
    // than the best are looked at, and a cell that is as wide as the narrowest of them will do.
    private const double Narrower = 3;

    // Where values have hardly any noise, the narrowest bandwidth is the best, and cells for it would be as many as the rows.
    private const int MostCells = 1 << 15;

    // Of the pilot's values about their levels: larger ones are summed one by one.
    private const double DeviationsInUnit = 8;

    private readonly long[] _cells;
    private readonly double[] _levels;
    private readonly long[] _unitExponents;
    private readonly long[] _weightExponents;

    internal MomentGrid(
        int exponent,
        long[] unitExponents,
        int terms,
        long[] cells,
        double[] levels,
        long[]? weightExponents = null,
        int folds = 0)
    {
        Folds = folds;
        _weightExponents = weightExponents ?? [];
        Exponent = exponent;
        Terms = terms;
        _unitExponents = unitExponents;
        _cells = cells;
        _levels = levels;
    }

    /// <summary>e: cells are 2^e wide.</summary>
    public int Exponent { get; }

    /// <summary>How many moments a cell keeps of each kind: 16, or 24 where lines can be fitted too.</summary>
    public int Terms { get; }

    /// <summary>The highest degree that can be fitted: 0, or 1 with 24 terms.</summary>
    public int Degree => Terms < TermsOfLines ? 0 : 1;

    /// <summary>Whether rows have weights.</summary>
    public bool HasWeights => _weightExponents.Length > 0;

    /// <summary>The number of columns of values v; 0 for classes.</summary>
    public int Columns => _unitExponents.Length;

    /// <summary>Whether rows have the name of a class instead of values.</summary>
    public bool HasClasses => Columns == 0;

    /// <summary>How many folds rows are dealt to by a hash of their numbers, each with sums of its own; 0 for none.</summary>
    public int Folds { get; }

    /// <summary>The rows of one power of the weights: of T_k, then y T_k and y^2 T_k of each column.</summary>
    internal int TowerRows => 1 + (2 * Columns);

    /// <summary>The rows of a cell's sums: those of s^m for each m, and with weights of T_k alone.</summary>
    internal int SumRows => HasWeights ? (TowerRows * Towers) + 1 : TowerRows;

    /// <summary>A cell keeps rows whose weight is more than one in so many of its own.</summary>
    internal int MostKept => HasWeights ? KeptOfWeighted : KeptOfEqual;

    /// <summary>w, the width of a cell.</summary>
    public double CellWidth => Math.ScaleB(1, Exponent);

    internal ReadOnlySpan<long> Cells => _cells;

    /// <summary>r_j (cells, v).</summary>
    internal ReadOnlySpan<double> Levels => _levels;

    internal ReadOnlySpan<long> UnitExponents => _unitExponents;

    internal ReadOnlySpan<long> WeightExponents => _weightExponents;

    /// <summary>A grid for rows of which some are known.</summary>
    /// <param name="x">Keys of some rows, from many places of all of them.</param>
    /// <param name="y">Their values (n, v), row by row.</param>
    /// <param name="rows">How many rows there are in all, roughly; the more there are, the narrower are the cells.</param>
    /// <param name="cellWidth">
    /// The width of the cells, rounded down to a power of 2; by the best bandwidth of these rows where null.
    /// </param>
    /// <param name="degree">The highest degree that is to be fitted, 0 or 1; moments for lines take half as much again.</param>
    /// <param name="weights">The weights of these rows, where rows have weights; moments then take five times as much.</param>
    /// <param name="folds">
    /// How many folds rows are dealt to, for <see cref="Bandwidth.KFold"/>: moments then take as many times as much; 0 for none.
    /// </param>
    /// <exception cref="ArgumentException">Lengths that differ, numbers that are not finite, a width that cannot be had.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another degree, one fold, or more than 1,000.</exception>
    /// <exception cref="RegressionDataException">The rows allow no bandwidth.</exception>
    public static MomentGrid Choose(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        long rows,
        double? cellWidth = null,
        int degree = 0,
        ReadOnlySpan<double> weights = default,
        int folds = 0)
    {
        CheckFolds(folds);
        int terms = degree is 0 or 1 ? TermsOf(degree)
            : throw new ArgumentOutOfRangeException(nameof(degree), degree, "Expected the degree 0 or 1.");
        RegressionCheck.Data(x, y, 1, weights);
        int columns = y.Length / x.Length;
        if (x.Length > PilotRows)
        {
            y = Every(y, PilotRows, columns);
            weights = weights.IsEmpty ? weights : Every(weights, PilotRows);
            x = Every(x, PilotRows);
        }

        double? best = cellWidth is not null ? null : AtOnePlace(x) ?? FirstBandwidth(x, y, columns, degree, weights);
        int exponent = ExponentOf(x, rows, cellWidth, best);
        (long[] cells, long[] weightExponents) = Occupied(x, exponent, weights);
        double[] levels = new double[cells.Length * columns];
        long[] units = new long[columns];
        var grid = new MomentGrid(exponent, units, terms, cells, levels, weightExponents, folds);
        long[] counts = new long[cells.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int cell = grid.NearestTo(CellOf(x[i], exponent));
            counts[cell]++;
            for (int c = 0; c < columns; c++)
            {
                levels[(cell * columns) + c] += y[(i * columns) + c];
            }
        }

        for (int i = 0; i < levels.Length; i++)
        {
            levels[i] /= counts[i / columns];
        }

        for (int c = 0; c < columns; c++)
        {
            units[c] = grid.UnitOf(x, y, c);
        }

        return grid;
    }

    /// <summary>The number of the cell that a key lies in.</summary>
    /// <param name="x">The key.</param>
    public long CellOf(double x) => CellOf(x, Exponent);

    /// <summary>r_j, which the values of a cell are counted from.</summary>
    /// <param name="cell">The cell's number j.</param>
    /// <param name="column">The column of values.</param>
    public double LevelAt(long cell, int column = 0) => _levels[(NearestTo(cell) * Columns) + column];

    /// <summary>The unit that values about their level are summed in, a power of 2; 1 for classes.</summary>
    /// <param name="column">The column of values.</param>
    public double ValueUnitAt(int column = 0) => HasClasses ? 1 : Math.ScaleB(1, (int)_unitExponents[column]);

    /// <summary>The unit that weights in a cell are summed in, a power of 2; 1 where they have none.</summary>
    internal double WeightUnitAt(long cell) => HasWeights ? Math.ScaleB(1, (int)_weightExponents[NearestTo(cell)]) : 1;

    /// <summary>Whether moments of both add up.</summary>
    /// <param name="other">Another grid.</param>
    public bool Equals(MomentGrid? other) => other is not null && Exponent == other.Exponent && Terms == other.Terms
        && Folds == other.Folds && UnitExponents.SequenceEqual(other.UnitExponents) && Cells.SequenceEqual(other.Cells)
        && Levels.SequenceEqual(other.Levels) && WeightExponents.SequenceEqual(other.WeightExponents);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MomentGrid);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Exponent, Columns, _cells.Length);

    internal static void CheckFolds(int folds)
    {
        if (folds is not (0 or (>= 2 and <= MostFolds)))
        {
            throw new ArgumentOutOfRangeException(nameof(folds), folds, $"Expected no folds, or from 2 to {MostFolds}.");
        }
    }

    private static long CellOf(double x, int exponent) => (long)Math.Floor(Math.ScaleB(x, -exponent));

    private static int CellsOf(ReadOnlySpan<double> x, int exponent)
    {
        var cells = new HashSet<long>();
        foreach (double key in x)
        {
            cells.Add(CellOf(key, exponent));
        }

        return cells.Count;
    }

    private int NearestTo(long cell)
    {
        int at = Array.BinarySearch(_cells, cell);
        if (at >= 0)
        {
            return at;
        }

        int next = ~at;
        return next == 0 ? 0
            : next == _cells.Length || cell - _cells[next - 1] <= _cells[next] - cell ? next - 1
            : next;
    }

    // Of a power of 2 that no weight is above; rows of weight 0 say nothing.
    internal static long ExponentOf(double weight) => weight > 0 ? Math.Clamp(Math.ILogB(weight) + 1, LeastExponent, MostExponent) : 0;

    internal static bool IsExponent(long e) => e is >= LeastExponent and <= MostExponent;

    internal static int TermsOf(int degree) => degree == 0 ? TermsOfMeans : TermsOfLines;

    // Cells by the width that is asked for, or by the best bandwidth of the pilot's rows.
    private static int ExponentOf(ReadOnlySpan<double> x, long rows, double? cellWidth, double? best)
    {
        double width = cellWidth ?? best!.Value * Math.Pow(Math.Min(1, (double)x.Length / rows), 0.2) / Narrower;
        if (!(width > 0) || !double.IsFinite(width) || Math.ILogB(width) is < LeastExponent or > MostExponent)
        {
            throw new ArgumentException(
                $"Expected cells from 2^{LeastExponent} to 2^{MostExponent} wide, got {width:R}.", nameof(cellWidth));
        }

        int exponent = Math.ILogB(width);
        while (cellWidth is null && CellsOf(x, exponent) > MostCells)
        {
            exponent++;
        }

        return exponent;
    }

    // The cells that hold rows, in order, and the heaviest of each where rows have weights.
    private static (long[] Cells, long[] WeightExponents) Occupied(ReadOnlySpan<double> x, int exponent, ReadOnlySpan<double> weights)
    {
        var heaviest = new SortedDictionary<long, double>();
        for (int i = 0; i < x.Length; i++)
        {
            long cell = CellOf(x[i], exponent);
            heaviest[cell] = Math.Max(heaviest.GetValueOrDefault(cell), weights.IsEmpty ? 0 : weights[i]);
        }

        return ([.. heaviest.Keys], weights.IsEmpty ? [] : [.. heaviest.Values.Select(ExponentOf)]);
    }

    // By the spread of a column about its levels.
    private int UnitOf(ReadOnlySpan<double> x, ReadOnlySpan<double> y, int column)
    {
        double squares = 0;
        double largest = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double value = y[(i * Columns) + column];
            double apart = value - LevelAt(CellOf(x[i]), column);
            squares += apart / x.Length * apart;
            largest = Math.Max(largest, Math.Abs(value));
        }

        return UnitOf(squares, largest);
    }

    /// <summary>The exponent of a unit that values are summed in.</summary>
    /// <param name="square">The mean square of what they are from their levels.</param>
    /// <param name="largest">The largest value, which has no finer digits.</param>
    internal static int UnitOf(double square, double largest)
    {
        double unit = Math.Max(DeviationsInUnit * Math.Sqrt(square), Math.BitIncrement(largest) - largest);
        return Math.Clamp(Math.ILogB(unit) + 1, LeastExponent, MostExponent);
    }

    // The best bandwidth of these rows. Lines next to many rows of one key are looked for pair by pair: fewer of them will do.
    private static double FirstBandwidth(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int columns, int degree, ReadOnlySpan<double> weights)
    {
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.LeaveOneOut };
        int most = degree == 0 ? x.Length : (int)Math.Sqrt(MostTiedPairs * x.ToArray().Distinct().Count());
        if (x.Length <= most)
        {
            return KernelRegression.Fit(x, y, 1, options, weights).Bandwidths[0];
        }

        var some = KernelRegression.Fit(
            Every(x, most), Every(y, most, columns), 1, options, weights.IsEmpty ? [] : Every(weights, most));
        return some.Bandwidths[0] * Math.Pow((double)most / x.Length, 0.2);
    }

    // At one place any cell will do.
    private static double? AtOnePlace(ReadOnlySpan<double> x)
    {
        (double least, double most) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (double key in x)
        {
            (least, most) = (Math.Min(least, key), Math.Max(most, key));
        }

        return most > least ? null : Math.Max(1, Math.Abs(most)) / PilotRows;
    }

    /// <summary>So many rows of all, evenly.</summary>
    internal static double[] Every(ReadOnlySpan<double> numbers, int count, int columns = 1)
    {
        double[] some = new double[count * columns];
        for (int i = 0; i < count; i++)
        {
            int row = (int)((long)i * (numbers.Length / columns) / count);
            numbers.Slice(row * columns, columns).CopyTo(some.AsSpan(i * columns));
        }

        return some;
    }
}
