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
    /// The distance from a place to the farthest of its nearest keys; where all of these are at the place, to the nearest other key, and 1
    /// where there is none.
    /// </summary>
    /// <param name="keys">The keys, ascending.</param>
    /// <param name="place">The place.</param>
    /// <param name="count">How many of the keys.</param>
    public static unsafe double Distance(SortedNumbers keys, double place, int count)
    {
        double* numbers = keys.Numbers;
        int right = keys.FirstNotBelow(place);

        // The nearest keys stand together: of all windows the first whose next key is no nearer than its first.
        (int low, int high) = (Math.Max(0, right - count), Math.Min(right, keys.Count - count));
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (numbers[middle + count] - place >= place - numbers[middle])
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        double farthest = Math.Max(place - numbers[low], numbers[low + count - 1] - place);
        if (farthest > 0)
        {
            return farthest;
        }

        int above = keys.FirstNotBelow(Math.BitIncrement(place));
        double other = Math.Min(
            right > 0 ? place - numbers[right - 1] : double.PositiveInfinity,
            above < keys.Count ? numbers[above] - place : double.PositiveInfinity);
        return double.IsFinite(other) ? other : 1;
    }
}
