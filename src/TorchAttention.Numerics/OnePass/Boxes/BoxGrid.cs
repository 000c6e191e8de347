namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// How moments of two or three features are cut: boxes of the widths w_j = 2^e_j on an absolute grid, a level r in each box that values are
/// counted from, and the unit of what is left of them. Moments of one grid add up, whoever summed them.
/// </summary>
public sealed partial class BoxGrid : IEquatable<BoxGrid>
{
    /// <summary>The most features: products of 16 polynomials in each of four would be 3,876 terms a box.</summary>
    public const int MostFeatures = 3;

    /// <summary>
    /// A row is kept where it is more than one in so many of its box's weight, all rows of a box that has fewer: they take less room, and
    /// one row is too large a part of them.
    /// </summary>
    internal const int MostKept = 64;

    // A bandwidth takes some tenths of a millisecond a box with two features, and some ten milliseconds with three: a minute for so many.
    private const int MostBoxesOfTwo = 1 << 17;
    private const int MostBoxesOfThree = 1 << 12;

    // What the parts of all rows may take: those of each class and of each fold have boxes of their own.
    private const long MostBytes = 1L << 33;

    private readonly int[] _exponents;
    private readonly double[] _inverses;
    private readonly long[] _origins;
    private readonly long[] _unitExponents;
    private readonly long[] _boxes;
    private readonly double[] _levels;
    private readonly long[] _weightExponents;

    internal BoxGrid(
        int[] exponents,
        long[] origins,
        long[] unitExponents,
        long[] boxes,
        double[] levels,
        long[]? weightExponents = null,
        int folds = 0)
    {
        _exponents = exponents;
        _inverses = [.. exponents.Select(e => Math.ScaleB(1, -e))];
        _origins = origins;
        _unitExponents = unitExponents;
        _boxes = boxes;
        _levels = levels;
        _weightExponents = weightExponents ?? [];
        Folds = folds;
        Terms = BoxTerms.Of(exponents.Length);
        BitsOfFeature = 63 / exponents.Length;
    }

    /// <summary>d.</summary>
    public int Features => _exponents.Length;

    /// <summary>The number of columns of values v; 0 for classes.</summary>
    public int Columns => _unitExponents.Length;

    /// <summary>Whether rows have the name of a class instead of values.</summary>
    public bool HasClasses => Columns == 0;

    /// <summary>Whether rows have weights.</summary>
    public bool HasWeights => _weightExponents.Length > 0;

    /// <summary>How many folds rows are dealt to by a hash of their numbers, each with sums of its own; 0 for none.</summary>
    public int Folds { get; }

    /// <summary>w_j, the widths of a box (d).</summary>
    public IReadOnlyList<double> Widths => [.. _exponents.Select(e => Math.ScaleB(1, e))];

    /// <summary>What the moments of one box take.</summary>
    public long BytesOfBox => (long)SumsOfBox * Unsafe.SizeOf<Int128>();

    /// <summary>The sums of one power of the weights: of the terms, then of y and y^2 times them of each column.</summary>
    internal int SumsOfTower => (1 + (2 * Columns)) * Terms.Count;

    /// <summary>With weights s there are sums of s^m, m = 1 .. Towers.</summary>
    internal int TowerCount => HasWeights ? MomentGrid.Towers : 1;

    internal int SumsOfBox => TowerCount * SumsOfTower;

    /// <summary>The numbers of a row that is kept: its keys, its values, and its weight where rows have some.</summary>
    internal int Fields => Features + Columns + (HasWeights ? 1 : 0);

    internal BoxTerms Terms { get; }

    internal ReadOnlySpan<int> Exponents => _exponents;

    /// <summary>The box in the middle of the first rows, which numbers of boxes are counted from (d).</summary>
    internal ReadOnlySpan<long> Origins => _origins;

    internal ReadOnlySpan<long> UnitExponents => _unitExponents;

    internal ReadOnlySpan<long> Boxes => _boxes;

    /// <summary>r (boxes, v).</summary>
    internal ReadOnlySpan<double> Levels => _levels;

    internal ReadOnlySpan<long> WeightExponents => _weightExponents;

    /// <summary>A box's number has so many bits for each feature, those of the first one last.</summary>
    internal int BitsOfFeature { get; }

    internal int MostBoxes => Features == 2 ? MostBoxesOfTwo : MostBoxesOfThree;

    private long MostPlace => 1L << (BitsOfFeature - 1);

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

    /// <summary>r, which the values of a box are counted from: that of the nearest in the order of their numbers; 0 for classes.</summary>
    /// <param name="box">The box's number.</param>
    /// <param name="column">The column of values.</param>
    internal double LevelAt(long box, int column = 0) => HasClasses ? 0 : _levels[(NearestTo(box) * Columns) + column];

    /// <summary>The unit that values about their level are summed in, a power of 2; 1 for classes.</summary>
    /// <param name="column">The column of values.</param>
    internal double ValueUnitAt(int column = 0) => HasClasses ? 1 : Math.ScaleB(1, (int)_unitExponents[column]);

    /// <summary>The unit that weights in a box are summed in, a power of 2; 1 where they have none.</summary>
    internal double WeightUnitAt(long box) => HasWeights ? Math.ScaleB(1, (int)_weightExponents[NearestTo(box)]) : 1;

    private int NearestTo(long box)
    {
        int at = Array.BinarySearch(_boxes, box);
        return at >= 0 ? at : Math.Clamp(~at, 0, _boxes.Length - 1);
    }

    /// <summary>Whether moments of both add up.</summary>
    /// <param name="other">Another grid.</param>
    public bool Equals(BoxGrid? other) => other is not null && Exponents.SequenceEqual(other.Exponents)
        && Origins.SequenceEqual(other.Origins) && UnitExponents.SequenceEqual(other.UnitExponents) && Boxes.SequenceEqual(other.Boxes)
        && Levels.SequenceEqual(other.Levels) && WeightExponents.SequenceEqual(other.WeightExponents) && Folds == other.Folds;

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
    /// <param name="ofParts">How many of parts of the rows do, where these are summed apart.</param>
    /// <exception cref="RegressionDataException">They are too many.</exception>
    internal void CheckCount(int boxes, long ofParts = 0)
    {
        if (boxes > MostBoxes || ofParts * BytesOfBox > MostBytes)
        {
            throw new RegressionDataException(
                RegressionProblem.TooMany,
                string.Create(
                    CultureInfo.InvariantCulture, $"rows in at most {MostBoxes:N0} boxes, of {BytesOfBox:N0} bytes of moments each"),
                $"more, {string.Join(" by ", Widths.Select(width => $"{width:g4}"))} wide; wider boxes are fewer, and a fit in memory "
                    + "needs none");
        }
    }
}
