namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The rows that can be asked one by one, cell by cell of the narrowest cells: those of cells that keep all of theirs, and those that were
/// read a second time.
/// </summary>
/// <param name="finest">The moments in their narrowest cells.</param>
/// <param name="again">All rows of some cells, by the cells' numbers.</param>
internal sealed class RowsAtHand(MomentLevel finest, IReadOnlyDictionary<long, KeptRow[]> again)
{
    private static readonly Dictionary<long, KeptRow[]> _none = [];

    /// <summary>Those that are kept.</summary>
    public RowsAtHand(MomentLevel finest)
        : this(finest, _none)
    {
    }

    /// <summary>The narrowest cells.</summary>
    public MomentLevel Cells => finest;

    /// <summary>The logarithm of what all rows weigh, or of their number where it is more.</summary>
    public double LogOfWeight { get; } = Math.Log(Math.Max(finest.Weights.Sum(), finest.Counts.Sum()));

    /// <summary>A size of the values, from each other.</summary>
    public double Size { get; } = 2 * Math.Sqrt(MomentSums.SquaresOf(finest) / finest.Weights.Sum());

    /// <summary>All rows of a cell; null where they are not at hand.</summary>
    /// <param name="cell">The place of the cell among <see cref="Cells"/>.</param>
    public KeptRow[]? At(int cell) =>
        !finest.HasLight(cell) ? finest.Rows[cell] : again.GetValueOrDefault(finest.Ids[cell]);

    /// <summary>All rows of a cell that may be wider; null where they are not at hand.</summary>
    public KeptRow[]? Of(MomentLevel level, int cell)
    {
        List<KeptRow> rows = [];
        (int first, int end) = PlacesOf(level, level.Ids[cell], level.Ids[cell] + 1);
        for (int i = first; i < end; i++)
        {
            if (At(i) is not { } own)
            {
                return null;
            }

            rows.AddRange(own);
        }

        return [.. rows];
    }

    /// <summary>The narrowest cells within some cells of another width.</summary>
    /// <param name="level">Cells of that width.</param>
    /// <param name="first">The number of the first.</param>
    /// <param name="end">One more than that of the last.</param>
    public (int First, int End) PlacesOf(MomentLevel level, long first, long end)
    {
        int narrower = level.Exponent - finest.Exponent;
        return (FirstFrom(first << narrower), FirstFrom(end << narrower));
    }

    /// <summary>The place of the first cell whose number is at least this.</summary>
    public int FirstFrom(long id)
    {
        int at = Array.BinarySearch(finest.Ids, id);
        return at < 0 ? ~at : at;
    }
}
