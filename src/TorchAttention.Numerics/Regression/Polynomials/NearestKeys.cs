using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>Bandwidths that reach from a query to a number of its nearest keys.</summary>
internal static class NearestKeys
{
    // Added before rounding down, as by R's loess: 0.3 of 10 keys are 3, whatever 0.3 is in binary.
    private const double Rounding = 1e-5;

    /// <summary>How many keys a share is.</summary>
    public static int CountFor(double share, int keys) => (int)Math.Clamp(Math.Floor((share * keys) + Rounding), 1, keys);

    /// <summary>How many nearest keys a degree takes: the farthest weighs nothing with a kernel that ends there.</summary>
    public static int FewestFor(int degree) => degree + 2;

    /// <summary>
    /// The distance from each place to the farthest of its nearest keys; where all of these are at the place, to the nearest other key, and
    /// 1 where there is none.
    /// </summary>
    /// <param name="keys">The keys, ascending.</param>
    /// <param name="places">The places (m), ascending.</param>
    /// <param name="count">How many of the keys.</param>
    /// <param name="distances">Where they go (m).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Distances(SortedNumbers keys, ReadOnlySpan<double> places, int count, Span<double> distances)
    {
        double* numbers = keys.Numbers;
        int last = keys.Count - count;
        int low = 0;
        for (int i = 0; i < places.Length; i++)
        {
            // The nearest keys stand together: of all windows the first whose next key is no nearer than its first. It is not before that
            // of the place before, and soon found where it is near.
            double place = places[i];
            int high = low;
            for (int step = 1; high < last && numbers[high + count] - place < place - numbers[high]; step *= 2)
            {
                low = high + 1;
                high = Math.Min(last, high + step);
            }

            while (low < high)
            {
                int middle = (low + high) / 2;
                (low, high) = numbers[middle + count] - place < place - numbers[middle] ? (middle + 1, high) : (low, middle);
            }

            double farthest = Math.Max(place - numbers[low], numbers[low + count - 1] - place);
            distances[i] = farthest > 0 ? farthest : ToOther(keys, place);
        }
    }

    private static unsafe double ToOther(SortedNumbers keys, double place)
    {
        double* numbers = keys.Numbers;
        int right = keys.FirstNotBelow(place);
        int above = keys.FirstNotBelow(Math.BitIncrement(place));
        double other = Math.Min(
            right > 0 ? place - numbers[right - 1] : double.PositiveInfinity,
            above < keys.Count ? numbers[above] - place : double.PositiveInfinity);
        return double.IsFinite(other) ? other : 1;
    }
}
