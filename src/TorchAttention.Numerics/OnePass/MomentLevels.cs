using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.OnePass;

/// <summary>Moments in cells of all widths, made when they are asked for.</summary>
internal sealed class MomentLevels
{
    private readonly List<MomentLevel[]> _levels;

    private MomentLevels(List<MomentLevel[]> levels, IReadOnlyDictionary<long, KeptRow[]>[]? again = null)
    {
        _levels = levels;
        Again = again ?? Array.ConvertAll(FinestOfColumns, _ => new Dictionary<long, KeptRow[]>());
        AtHand = [.. FinestOfColumns.Zip(Again, (finest, rows) => new RowsAtHand(finest, rows))];
        Rows = Finest.Counts.Sum();
        Weight = Finest.Weights.Sum();
    }

    /// <summary>The narrowest cells, of the first column.</summary>
    public MomentLevel Finest => _levels[0][0];

    /// <summary>The narrowest cells, of each column (v).</summary>
    public MomentLevel[] FinestOfColumns => _levels[0];

    /// <summary>All rows of some of the narrowest cells, read a second time, with the values of each column (v).</summary>
    public IReadOnlyDictionary<long, KeptRow[]>[] Again { get; }

    /// <summary>The rows that can be asked one by one, with the values of each column (v).</summary>
    public RowsAtHand[] AtHand { get; }

    /// <summary>How many rows there are.</summary>
    public double Rows { get; }

    /// <summary>What they weigh; their number where they have no weights.</summary>
    public double Weight { get; }

    /// <summary>
    /// Cells from half the bandwidth to all of it wide, where they can be had: narrower ones cost more and are no better.
    /// </summary>
    /// <returns>Those of each column (v).</returns>
    public MomentLevel[] For(double h)
    {
        int at = Math.Max(0, Math.ILogB(h) - Finest.Exponent);
        while (_levels.Count <= at)
        {
            _levels.Add(Array.ConvertAll(_levels[^1], level => level.Coarser()));
        }

        return _levels[at];
    }

    /// <summary>Some parts of the rows, cut like these.</summary>
    /// <param name="moments">The moments.</param>
    /// <param name="isAsked">Which parts.</param>
    public MomentLevels Create(Moments moments, Func<Moments.Part, bool> isAsked)
    {
        CellStore[] stores = [.. moments.Stores().Where(part => isAsked(part.Part)).Select(part => part.Store)];
        long[] ids = [.. Finest.Ids.Where(id => stores.Any(store => store.Find(id) >= 0))];
        return new MomentLevels([MomentLevel.CreateColumns(moments, ids, isAsked)]);
    }

    /// <summary>The same with rows that were read again.</summary>
    public MomentLevels With(IReadOnlyDictionary<long, KeptRow[]>[] again) => new(_levels, again);

    /// <summary>All rows, and those that do not stand far from all others: the same where none does.</summary>
    public static (MomentLevels All, MomentLevels Near) Create(Moments moments)
    {
        long[] ids = moments.Ids();
        MomentLevel[] levels = MomentLevel.CreateColumns(moments, ids);
        MomentLevel level = levels[0];

        // Rows of a cell may all lie at one place: what they span is not the cell then.
        double?[] places = [.. Enumerable.Range(0, level.Count).Select(level.PlaceOf)];
        double[] left = [.. places.Select((at, i) => Math.Max(moments.LeastX, at ?? level.Ends(i).Least))];
        double[] right = [.. places.Select((at, i) => Math.Min(moments.MostX, at ?? level.Ends(i).Most))];
        long[] before = new long[level.Count + 1];
        for (int i = 0; i < level.Count; i++)
        {
            before[i + 1] = before[i] + (long)level.Counts[i];
        }

        (int first, int end) = (0, level.Count);
        long most = FarEnds.Most(before[^1]);
        while (true)
        {
            long removed = before[^1] - (before[end] - before[first]);
            (int low, int high, _) = FarEnds.Find(
                left[first..end], right[first..end], i => before[first + i] - before[first], most - removed);
            if (low + high == 0)
            {
                break;
            }

            (first, end) = (first + low, end - high);
        }

        var all = new MomentLevels([levels]);
        return (all, end - first == level.Count ? all
            : new MomentLevels([MomentLevel.CreateColumns(moments, ids[first..end])]));
    }
}
