namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>Moments in boxes of all widths, made when they are asked for.</summary>
internal sealed class BoxLevels
{
    private readonly Dictionary<(int, int, int), BoxLevel> _levels = [];
    private readonly int[] _exponents;

    /// <summary>Some rows.</summary>
    /// <param name="moments">The moments.</param>
    /// <param name="isAsked">Which parts of the rows; all where null.</param>
    /// <param name="hasValues">Whether their values matter, or where they are alone.</param>
    public BoxLevels(BoxMoments moments, Func<Moments.Part, bool>? isAsked = null, bool hasValues = true)
    {
        Finest = BoxLevel.Create(moments, isAsked, hasValues);
        _exponents = moments.Grid.Exponents.ToArray();
        _levels[(0, 0, 0)] = Finest;
        AreRows = BoxPairs.AreAllOf(Finest);
    }

    public BoxLevel Finest { get; }

    /// <summary>Whether no row is summed in the narrowest boxes.</summary>
    public bool AreRows { get; }

    /// <summary>
    /// Boxes from half the bandwidth to all of it wide along each feature, where they can be had: narrower ones cost more and are no
    /// better. Twice as wide ones know sums to some eight digits, which is enough to look around with means, and cost an eighth; planes
    /// are differences of products of sums, and know nothing there of nodes that rows are not near of.
    /// </summary>
    public BoxLevel For(ReadOnlySpan<double> h, bool isRough = false)
    {
        int[] merged = new int[3];
        for (int j = 0; j < h.Length; j++)
        {
            merged[j] = Math.Max(0, Math.ILogB(h[j]) - _exponents[j] + (isRough ? 1 : 0));
        }

        return At(merged[0], merged[1], merged[2]);
    }

    /// <summary>The same, or all rows as rows, where they are few: sums over these are the quicker ones then.</summary>
    public BoxLevel ForFew(ReadOnlySpan<double> h, bool isRough = false)
    {
        BoxLevel level = For(h, isRough);
        double rows = Finest.Counts.Sum();
        return AreRows && BoxPairs.AreQuicker(rows, rows, level.Count, level.Terms) ? Finest : level;
    }

    /// <summary>Boxes as wide as others of the same grid.</summary>
    public BoxLevel Like(BoxLevel other)
    {
        int[] merged = [.. other.Merges, 0];
        return At(merged[0], merged[1], merged[2]);
    }

    private BoxLevel At(int one, int two, int three)
    {
        if (!_levels.TryGetValue((one, two, three), out BoxLevel? level))
        {
            level = one > 0 ? At(one - 1, two, three).Coarser(0)
                : two > 0 ? At(one, two - 1, three).Coarser(1)
                : At(one, two, three - 1).Coarser(2);
            _levels[(one, two, three)] = level;
        }

        return level;
    }
}
