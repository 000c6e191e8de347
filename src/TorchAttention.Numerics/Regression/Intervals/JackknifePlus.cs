using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>Intervals of new observations by the curves of all examples but one (R. F. Barber and others, 2021).</summary>
internal static class JackknifePlus
{
    // So many queries are a part of the work that a thread takes.
    private const int InPart = 16;

    /// <summary>The ends at queries (m), NaN where no example has a weight.</summary>
    /// <param name="polynomials">The fit.</param>
    /// <param name="noise">The residuals of a column from the curves without each example.</param>
    /// <param name="column">The column.</param>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="level">1 - alpha.</param>
    /// <param name="threads">How many threads; all where null.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static (double Lower, double Upper)[] At(
        LocalPolynomials polynomials, Noise noise, int column, ReadOnlySpan<double> queries, double level, int? threads,
        CancellationToken cancellationToken)
    {
        int d = polynomials.Features;
        double[] asked = queries.ToArray();
        var ends = new (double Lower, double Upper)[asked.Length / d];
        double[] sizes = noise.SizesWithoutOwn();
        int n = sizes.Length;
        int rank = (int)Math.Ceiling((n + 1) * level);
        new Work(Math.Min(threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken).ForEach(
            (ends.Length + InPart - 1) / InPart,
            part =>
            {
                double[] upper = new double[n];
                for (int query = part * InPart; query < Math.Min(ends.Length, (part + 1) * InPart); query++)
                {
                    double[] lower = polynomials.LeavingOutEach(asked.AsSpan(query * d, d), column);
                    for (int i = 0; i < n; i++)
                    {
                        (lower[i], upper[i]) = (lower[i] - sizes[i], lower[i] + sizes[i]);
                    }

                    Array.Sort(lower);
                    Array.Sort(upper);
                    ends[query] = double.IsNaN(lower[0]) ? (double.NaN, double.NaN)
                        : rank > n ? (double.NegativeInfinity, double.PositiveInfinity)
                        : (lower[n - rank], upper[rank - 1]);
                }
            });
        return ends;
    }
}
