using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>How many standard errors a band is wide, by Student's distribution.</summary>
internal static class StudentBand
{
    // From so many degrees of freedom on, Student's distribution is the normal one to six digits.
    private const double ManyDegreesOfFreedom = 1e6;

    // e^300 standard errors are as good as infinitely many.
    private const double MostLogarithm = 300;
    private const int Halvings = 200;
    private const int MostKnown = 16;

    // A model asks for the same one at each query, and finding it takes longer than the query.
    private static readonly Known?[] _known = new Known?[MostKnown];

    /// <summary>P(|t| &gt; c).</summary>
    /// <param name="c">c, not negative.</param>
    /// <param name="freedom">The degrees of freedom, positive.</param>
    public static double Outside(double c, double freedom)
    {
        if (freedom > ManyDegreesOfFreedom)
        {
            return SpecialFunctions.Erfc(c / Math.Sqrt(2));
        }

        // Where the ratio is no number any more, there is so little freedom that all is outside.
        double ratio = c / freedom * c;
        return c == 0 || double.IsInfinity(ratio) ? 1 : SpecialFunctions.BetaRegularized(freedom / 2, 0.5, 1 / (1 + ratio));
    }

    /// <summary>The c that |t| stays within with a probability.</summary>
    /// <param name="level">The probability.</param>
    /// <param name="freedom">The degrees of freedom.</param>
    /// <returns>c; infinite where a number cannot hold it, as with next to no freedom, and NaN without any.</returns>
    public static double Quantile(double level, double freedom)
    {
        if (!(freedom > 0) || freedom > ManyDegreesOfFreedom)
        {
            return freedom > 0 ? Normal.InvCDF(0, 1, (1 + level) / 2) : double.NaN;
        }

        ref Known? place = ref _known[(uint)HashCode.Combine(level, freedom) % MostKnown];
        Known? known = place;
        if (known is null || known.Level != level || known.Freedom != freedom)
        {
            place = known = new Known(level, freedom, Solve(c => Outside(c, freedom), 1 - level));
        }

        return known.Quantile;
    }

    /// <summary>Where a falling probability is as small as is asked.</summary>
    /// <param name="outside">The probability, falling with c; 0 at the latest where c is infinite.</param>
    /// <param name="wanted">The one asked for.</param>
    /// <returns>c; infinite where a number cannot hold it.</returns>
    /// <remarks>By halves in log c: slower than a method that looks at slopes, and never astray.</remarks>
    public static double Solve(Func<double, double> outside, double wanted)
    {
        (double low, double high) = (-MostLogarithm, MostLogarithm);
        if (!(outside(Math.Exp(high)) <= wanted))
        {
            return double.PositiveInfinity;
        }

        for (int i = 0; i < Halvings && low < (low + high) / 2 && (low + high) / 2 < high; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = outside(Math.Exp(middle)) <= wanted ? (low, middle) : (middle, high);
        }

        return Math.Exp(high);
    }

    private sealed record Known(double Level, double Freedom, double Quantile);
}
