namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>Features that repeat: sums see each example in the period of the queries, in the one before and in the one after.</content>
internal sealed partial record SmootherData
{
    private const int Images = 3;

    // The Gaussian of so many bandwidths is the end of its reach; the example itself, a period away, then weighs 1e-14.
    private const double ReachOfGaussian = 4;

    /// <summary>After how much each feature repeats (d), infinite where it does not; empty where none does.</summary>
    public double[] Periods { get; init; } = [];

    private bool Repeats => Periods.Length > 0;

    private int CopiesOfAll => (int)Math.Pow(Images, Periods.Count(double.IsFinite));

    /// <summary>After how much a feature repeats; infinite where it does not.</summary>
    public double PeriodOf(int feature) => Repeats ? Periods[feature] : double.PositiveInfinity;

    /// <summary>The widest bandwidth of a feature: the kernel reaches half a period.</summary>
    /// <param name="feature">The feature.</param>
    /// <param name="support">The |u| from which on a neighbour weighs nothing.</param>
    public double MostBandwidth(int feature, double support) =>
        PeriodOf(feature) / 2 / (double.IsFinite(support) ? support : ReachOfGaussian);

    /// <summary>The error for a kernel that reaches farther than half a period.</summary>
    public static RegressionDataException TooWide(double h, double most, int feature) => new(
        RegressionProblem.Range, $"a bandwidth of at most {most:G6}, at which the kernel reaches half a period", $"{h:G6}", "options")
    {
        Feature = feature,
    };

    /// <summary>A difference of two places in a feature, around the circle where it repeats.</summary>
    public double Around(int feature, double difference) =>
        double.IsFinite(PeriodOf(feature)) ? Math.IEEERemainder(difference, PeriodOf(feature)) : difference;

    /// <summary>Places (m, d) in the period that starts at 0.</summary>
    public ReadOnlySpan<double> Wrapped(ReadOnlySpan<double> places) => Repeats ? Wrapped(places, Periods) : places;

    /// <summary>The keys as queries of <see cref="Samples{T}()"/>.</summary>
    public ReadOnlySpan<T> OwnKeys<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Repeats ? QueriesAs<T>(Keys) : Samples<T>().OwnKeys;

    /// <summary>Where examples are among <see cref="Samples{T}()"/>.</summary>
    public int[] InSamples(IEnumerable<int> places)
    {
        int before = Repeats ? CopiesOfAll / 2 * Count : 0;
        return [.. places.Select(place => before + place)];
    }

    /// <summary>Keys (n, d) and their images, the images of one shift together, ascending where there is one feature.</summary>
    public double[] WithImages(double[] keys)
    {
        if (!Repeats)
        {
            return keys;
        }

        double[] images = Copied(keys);
        for (int at = 0; at < images.Length; at++)
        {
            int shift = at / keys.Length;
            int feature = at % Features;
            for (int j = 0; j < feature; j++)
            {
                shift /= double.IsFinite(Periods[j]) ? Images : 1;
            }

            images[at] += double.IsFinite(Periods[feature]) ? ((shift % Images) - 1) * Periods[feature] : 0;
        }

        return images;
    }

    /// <summary>Numbers of examples, as often as <see cref="WithImages"/> has their keys.</summary>
    public double[] Copied(double[] numbers) =>
        Repeats ? [.. Enumerable.Repeat(numbers, CopiesOfAll).SelectMany(copy => copy)] : numbers;

    private static double[] Wrapped(ReadOnlySpan<double> places, double[] periods)
    {
        double[] wrapped = places.ToArray();
        for (int i = 0; i < wrapped.Length && periods.Length > 0; i++)
        {
            double period = periods[i % periods.Length];
            if (double.IsFinite(period) && double.IsFinite(wrapped[i]))
            {
                double place = wrapped[i] - (period * Math.Floor(wrapped[i] / period));

                // Rounding may lead to the end, which is the start.
                wrapped[i] = place >= 0 && place < period ? place : 0;
            }
        }

        return wrapped;
    }
}
