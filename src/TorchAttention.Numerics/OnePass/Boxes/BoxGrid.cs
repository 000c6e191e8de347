using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// How moments of two or three features are cut: boxes of the widths w_j = 2^e_j on an absolute grid, a level r in each box that values are
/// counted from, and the unit of what is left of them. Moments of one grid add up, whoever summed them.
/// </summary>
public sealed class BoxGrid : IEquatable<BoxGrid>
{
    /// <summary>The most features: products of 16 polynomials in each of four would be 3,876 terms a box.</summary>
    public const int MostFeatures = 3;

    /// <summary>Boxes of fewer rows keep these: they take less room, and one row is too large a part of them.</summary>
    internal const int MostKept = 64;

    // A bandwidth takes some tenths of a millisecond a box with two features, and some ten milliseconds with three: a minute for so many.
    private const int MostBoxesOfTwo = 1 << 17;
    private const int MostBoxesOfThree = 1 << 12;

    // As many rows as a search in memory takes seconds for.
    private const int PilotRows = 20_000;

    // A box that is as wide as the best bandwidth will do, and narrower bandwidths than the pilot's are looked at.
    private const double Narrower = 1.5;
    private const double DeviationsInUnit = 8;

    private readonly int[] _exponents;
    private readonly double[] _inverses;
    private readonly long[] _origins;
    private readonly long[] _boxes;
    private readonly double[] _levels;

    internal BoxGrid(int[] exponents, long[] origins, int unitExponent, long[] boxes, double[] levels)
    {
        _exponents = exponents;
        _inverses = [.. exponents.Select(e => Math.ScaleB(1, -e))];
        _origins = origins;
        UnitExponent = unitExponent;
        _boxes = boxes;
        _levels = levels;
        Terms = BoxTerms.Of(exponents.Length);
        BitsOfFeature = 63 / exponents.Length;
    }

    /// <summary>d.</summary>
    public int Features => _exponents.Length;

    /// <summary>w_j, the widths of a box (d).</summary>
    public IReadOnlyList<double> Widths => [.. _exponents.Select(e => Math.ScaleB(1, e))];

    /// <summary>The unit that values about their level are summed in, a power of 2.</summary>
    internal double ValueUnit => Math.ScaleB(1, UnitExponent);

    /// <summary>What the moments of one box take.</summary>
    public long BytesOfBox => 3L * Terms.Count * Unsafe.SizeOf<Int128>();

    internal int UnitExponent { get; }

    internal BoxTerms Terms { get; }

    internal ReadOnlySpan<int> Exponents => _exponents;

    /// <summary>The box in the middle of the first rows, which numbers of boxes are counted from (d).</summary>
    internal ReadOnlySpan<long> Origins => _origins;

    internal ReadOnlySpan<long> Boxes => _boxes;

    internal ReadOnlySpan<double> Levels => _levels;

    /// <summary>A box's number has so many bits for each feature, those of the first one last.</summary>
    internal int BitsOfFeature { get; }

    internal int MostBoxes => Features == 2 ? MostBoxesOfTwo : MostBoxesOfThree;

    private long MostPlace => 1L << (BitsOfFeature - 1);

    /// <summary>A grid for rows of which some are known.</summary>
    /// <param name="x">Keys of some rows (n, d), row by row, from many places of all of them.</param>
    /// <param name="y">Their values (n).</param>
    /// <param name="features">d, 2 or 3.</param>
    /// <param name="rows">How many rows there are in all, roughly; the more there are, the narrower are the boxes.</param>
    /// <param name="widths">
    /// The width of the boxes along each feature (d), rounded down to a power of 2; by the best bandwidths of these rows where empty.
    /// </param>
    /// <exception cref="ArgumentException">Lengths that differ, numbers that are not finite, a width that cannot be had.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another number of features.</exception>
    /// <exception cref="RegressionDataException">The rows allow no bandwidth, or would lie in too many boxes.</exception>
    public static BoxGrid Choose(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, long rows, ReadOnlySpan<double> widths = default)
    {
        if (features is < 2 or > MostFeatures)
        {
            throw new ArgumentOutOfRangeException(nameof(features), features, $"Expected from 2 to {MostFeatures} features.");
        }

        RegressionCheck.Data(x, y, features, []);
        int n = x.Length / features;
        if (y.Length != n)
        {
            throw new ArgumentException($"Expected one column of values, {n}, got {y.Length} numbers.", nameof(y));
        }

        if (!widths.IsEmpty && widths.Length != features)
        {
            throw new ArgumentException($"Expected a width for each of {features} features, got {widths.Length}.", nameof(widths));
        }

        (double[] someX, double[] someY) = Every(x, y, features, PilotRows);
        double[] wanted = widths.ToArray();
        if (widths.IsEmpty)
        {
            double fewer = Math.Pow(Math.Min(1, (double)someY.Length / rows), 1.0 / (4 + features));
            var pilot = KernelRegression.Fit(someX, someY, features, new KernelRegressionOptions { Bandwidth = Bandwidth.LeaveOneOut });
            wanted = [.. pilot.Bandwidths.Select(h => h * fewer / Narrower)];
        }

        int[] exponents = [.. wanted.Select(ExponentOf)];
        var middle = new long[features];
        for (int j = 0; j < features; j++)
        {
            double[] column = [.. Enumerable.Range(0, someY.Length).Select(i => someX[(i * features) + j]).Order()];
            middle[j] = PlaceOf(column[column.Length / 2], exponents[j], j, widths.IsEmpty);
        }

        var cut = new BoxGrid(exponents, middle, 0, [], []);
        var sums = new SortedDictionary<long, (double Sum, int Count)>();
        for (int i = 0; i < someY.Length; i++)
        {
            long box = cut.BoxOf(someX.AsSpan(i * features, features));
            (double sum, int count) = sums.GetValueOrDefault(box);
            sums[box] = (sum + someY[i], count + 1);
        }

        cut.CheckCount(sums.Count);
        double[] levels = [.. sums.Values.Select(box => box.Sum / box.Count)];
        var grid = new BoxGrid(exponents, middle, 0, [.. sums.Keys], levels);
        return new BoxGrid(exponents, middle, grid.UnitOf(someX, someY), grid._boxes, levels);
    }

    /// <summary>The number of the box that a key lies in.</summary>
    /// <param name="x">The key (d).</param>
    /// <exception cref="RegressionDataException">It lies too many boxes away from the first rows.</exception>
    internal long BoxOf(ReadOnlySpan<double> x)
    {
        int far = TryBoxOf(x, out long box);
        if (far >= 0)
        {
            double width = Math.ScaleB(1, _exponents[far]);
            throw new RegressionDataException(
                RegressionProblem.Range,
                $"keys within {width * MostPlace:g4} of those that the boxes were chosen by, for boxes {width:R} wide",
                $"{x[far]:R}")
            {
                Feature = far,
            };
        }

        return box;
    }

    /// <summary>The same, with the feature by which it lies too far away; -1 for none.</summary>
    internal int TryBoxOf(ReadOnlySpan<double> x, out long box)
    {
        box = 0;
        for (int j = Features - 1; j >= 0; j--)
        {
            double cell = Math.Floor(x[j] * _inverses[j]) - _origins[j];
            if (!(cell >= -MostPlace && cell < MostPlace))
            {
                return j;
            }

            box = (box << BitsOfFeature) | ((long)cell + MostPlace);
        }

        return -1;
    }

    /// <summary>r, which the values of a box are counted from: that of the nearest in the order of their numbers.</summary>
    /// <param name="box">The box's number.</param>
    internal double LevelAt(long box)
    {
        int at = Array.BinarySearch(_boxes, box);
        return _levels[at >= 0 ? at : Math.Clamp(~at, 0, _levels.Length - 1)];
    }

    /// <summary>Whether moments of both add up.</summary>
    /// <param name="other">Another grid.</param>
    public bool Equals(BoxGrid? other) => other is not null && Exponents.SequenceEqual(other.Exponents)
        && Origins.SequenceEqual(other.Origins) && UnitExponent == other.UnitExponent && Boxes.SequenceEqual(other.Boxes)
        && Levels.SequenceEqual(other.Levels);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as BoxGrid);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Features, _exponents[0], _boxes.Length);

    /// <summary>The box's place along a feature, from 0 on.</summary>
    internal long PlaceOf(long box, int feature) => (box >> (feature * BitsOfFeature)) & ((1L << BitsOfFeature) - 1);

    /// <summary>The place in a box, -1 to 1.</summary>
    internal double PlaceIn(long box, double x, int feature) => (2 * ((x * _inverses[feature]) - CellOf(box, feature))) - 1;

    /// <summary>Where a box begins along a feature.</summary>
    internal double StartOf(long box, int feature) => Math.ScaleB(CellOf(box, feature), _exponents[feature]);

    private double CellOf(long box, int feature) => PlaceOf(box, feature) - MostPlace + (double)_origins[feature];

    /// <summary>Refuses more boxes than can be answered from.</summary>
    /// <param name="boxes">How many hold rows.</param>
    /// <exception cref="RegressionDataException">They are too many.</exception>
    internal void CheckCount(int boxes)
    {
        if (boxes > MostBoxes)
        {
            throw new RegressionDataException(
                RegressionProblem.TooMany,
                string.Create(
                    CultureInfo.InvariantCulture, $"rows in at most {MostBoxes:N0} boxes, of {BytesOfBox:N0} bytes of moments each"),
                $"more, {string.Join(" by ", Widths.Select(width => $"{width:g4}"))} wide; wider boxes are fewer, and a fit in memory "
                    + "needs none");
        }
    }

    private static int ExponentOf(double width) =>
        width > 0 && double.IsFinite(width) && Math.ILogB(width) is >= MomentGrid.LeastExponent and <= MomentGrid.MostExponent
            ? Math.ILogB(width)
            : throw new ArgumentException(
                $"Expected boxes from 2^{MomentGrid.LeastExponent} to 2^{MomentGrid.MostExponent} wide, got {width:R}.", nameof(width));

    private static long PlaceOf(double x, int exponent, int feature, bool isChosen)
    {
        double place = Math.Floor(Math.ScaleB(x, -exponent));
        return Math.Abs(place) < MomentGrid.MostCell ? (long)place
            : throw new RegressionDataException(
                RegressionProblem.Range,
                $"keys below {MomentGrid.MostCell * Math.ScaleB(1, exponent):R}, for boxes {Math.ScaleB(1, exponent):R} wide"
                    + (isChosen ? " as the rows ask for" : ""),
                $"{x:R}")
            {
                Feature = feature,
            };
    }

    private int UnitOf(double[] x, double[] y)
    {
        double squares = 0;
        double largest = 0;
        for (int i = 0; i < y.Length; i++)
        {
            double apart = y[i] - LevelAt(BoxOf(x.AsSpan(i * Features, Features)));
            squares += apart / y.Length * apart;
            largest = Math.Max(largest, Math.Abs(y[i]));
        }

        double unit = Math.Max(DeviationsInUnit * Math.Sqrt(squares), Math.BitIncrement(largest) - largest);
        return Math.Clamp(Math.ILogB(unit) + 1, MomentGrid.LeastExponent, MomentGrid.MostExponent);
    }

    private static (double[] X, double[] Y) Every(ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, int most)
    {
        int n = y.Length;
        int count = Math.Min(n, most);
        double[] someX = new double[count * features];
        double[] someY = new double[count];
        for (int i = 0; i < count; i++)
        {
            int row = (int)((long)i * n / count);
            x.Slice(row * features, features).CopyTo(someX.AsSpan(i * features));
            someY[i] = y[row];
        }

        return (someX, someY);
    }
}
