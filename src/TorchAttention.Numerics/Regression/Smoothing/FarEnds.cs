namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>Which rows at the ends of a feature stand so far from all others that these say nothing about them.</summary>
internal static class FarEnds
{
    /// <summary>A place alone among fewer than this rules a bandwidth out.</summary>
    public const int AloneForAnother = 20;

    // A row is far from the others where the gap to them is so many times what they span.
    private const double FarInSpans = 3;
    private const int FewestNear = 3;

    // Of few rows up to so many may be far, one for each so many.
    private const int MostFarOfFew = 4;
    private const int FewForFar = 8;

    // Gaps at an end that are looked at, from the end on.
    private const int MostCuts = 64;

    /// <summary>The most rows that may be far.</summary>
    /// <param name="rows">How many there are.</param>
    public static long Most(long rows) => Math.Max(Math.Max(1, rows / AloneForAnother), Math.Min(MostFarOfFew, rows / FewForFar));

    /// <summary>
    /// The fewest rows at the ends that all others lie far from, and how many times what these span. Two of them, one at each end, hide
    /// each other where only the furthest is asked about.
    /// </summary>
    /// <param name="left">The least key of each place, ascending.</param>
    /// <param name="right">The largest key of each place.</param>
    /// <param name="rowsBefore">How many rows are in the places before each, and in all of them (places + 1).</param>
    /// <param name="most">The most rows that may be far.</param>
    /// <returns>How many places at the low end and at the high end.</returns>
    public static (int Low, int High, double Spans) Find(double[] left, double[] right, Func<int, long> rowsBefore, long most)
    {
        int places = left.Length;
        long rows = rowsBefore(places);
        most = Math.Min(most, rows - FewestNear);
        if (most <= 0)
        {
            return (0, 0, 0);
        }

        int lows = Last(places, place => rowsBefore(place) <= most);
        int highs = Last(places, place => rows - rowsBefore(places - place) <= most);
        double narrowest = right[^(1 + highs)] - left[lows];
        int[] below = [0, .. Enumerable.Range(1, lows).Where(a => left[a] - right[a - 1] > FarInSpans * narrowest).Take(MostCuts)];
        int[] above = [0, .. Enumerable.Range(1, highs).Where(b => left[^b] - right[^(b + 1)] > FarInSpans * narrowest).Take(MostCuts)];
        (int Low, int High, double Spans) best = (0, 0, 0);
        long fewest = 0;
        foreach ((int low, int high) in below.SelectMany(low => above.Select(high => (low, high))))
        {
            long far = rowsBefore(low) + rows - rowsBefore(places - high);
            if (far == 0 || far > most)
            {
                continue;
            }

            double span = right[^(1 + high)] - left[low];
            double gap = Math.Min(
                low > 0 ? left[low] - right[low - 1] : double.PositiveInfinity,
                high > 0 ? left[^high] - right[^(high + 1)] : double.PositiveInfinity);
            bool isFar = span > 0 && gap > FarInSpans * span;
            if (isFar && (fewest == 0 || far < fewest || (far == fewest && gap / span > best.Spans)))
            {
                (best, fewest) = ((low, high, gap / span), far);
            }
        }

        return best;
    }

    // The last place of those before all others of which it holds.
    private static int Last(int places, Func<int, bool> holds)
    {
        (int below, int above) = (0, places);
        while (above - below > 1)
        {
            int middle = below + ((above - below) / 2);
            (below, above) = holds(middle) ? (middle, above) : (below, middle);
        }

        return below;
    }
}
