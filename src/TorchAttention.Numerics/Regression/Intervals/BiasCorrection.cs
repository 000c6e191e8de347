using System.Collections.Concurrent;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>A polynomial of higher degree beside a fit: what the two differ by is an estimate of the fit's bias.</summary>
internal sealed class BiasCorrection
{
    // The ridge of the fit itself would be a bias of the correction.
    private const double Ridge = 0.02;

    // A degree and the next corrects nothing where rows lie evenly on both sides: there the two are the same fit. So two more than a mean;
    // for a line, whose bias is a parabola's, one more; and for a parabola one more with less width. Of slopes those of a mean, of a line
    // and of a parabola are the same there: a cubic's are the next.
    private static readonly (int Degree, double Times, double TimesForAll, int OfSlopes, double TimesOfSlopes)[] _corrections =
    [
        (2, 1, 0.8, 3, 1),
        (2, 1, 0.8, 3, 1),
        (3, 0.8, 0.6, 3, 0.8),
        (3, 0.6, 0.5, 3, 0.6),
    ];

    private readonly ConcurrentDictionary<Noise, double> _lengths = new();
    private readonly SmoothingKernel _kernel;

    private BiasCorrection(LocalPolynomials polynomials, SmoothingKernel kernel) => (Polynomials, _kernel) = (polynomials, kernel);

    public LocalPolynomials Polynomials { get; }

    /// <summary>What corrects a fit at one place: a degree, how many times the fit's bandwidths, and a ridge.</summary>
    public static (int Degree, double Times, double Ridge) Of(int degree) =>
        (_corrections[degree].Degree, _corrections[degree].Times, Ridge);

    /// <summary>What corrects the slopes of a fit at one place.</summary>
    public static (int Degree, double Times, double Ridge) OfSlopes(int degree) =>
        (_corrections[degree].OfSlopes, _corrections[degree].TimesOfSlopes, Ridge);

    /// <summary>How many features a fit of a degree may have to be corrected.</summary>
    public static int MostFeatures(int degree) => MostFeaturesOf(_corrections[degree].Degree);

    /// <summary>How many features it may have for its slopes to be corrected.</summary>
    public static int MostFeaturesOfSlopes(int degree) => MostFeaturesOf(_corrections[degree].OfSlopes);

    private static int MostFeaturesOf(int correction) => Enumerable.Range(1, LocalPolynomials.MostTerms)
        .Last(d => Monomials.CountOf(d, correction) <= LocalPolynomials.MostTerms);

    /// <summary>The correction of a fit.</summary>
    /// <param name="data">The examples.</param>
    /// <param name="fit">How they were fitted.</param>
    /// <param name="bandwidths">The fit's bandwidths (d).</param>
    /// <param name="what">What of the fit is corrected.</param>
    /// <param name="threads">How many threads; all where null.</param>
    public static BiasCorrection Create(SmootherData data, Smoother fit, double[] bandwidths, Corrected what, int? threads)
    {
        (int degree, double times, double timesForAll, int ofSlopes, double timesOfSlopes) = _corrections[fit.Degree];
        (degree, times) = what switch
        {
            Corrected.Curve => (degree, timesForAll),
            Corrected.Slopes => (ofSlopes, timesOfSlopes),
            _ => (degree, times),
        };
        double[] narrower = Array.ConvertAll(bandwidths, h => h * times);
        return new BiasCorrection(
            new LocalPolynomials(fit.Kernel, data.Samples<double>(), narrower, degree, Ridge, threads, isShare: fit.IsShare), fit.Kernel);
    }

    /// <summary>How many standard errors a band that covers the curve at once is wide.</summary>
    public double QuantileForAll(SmootherData data, Noise noise, double level)
    {
        double length = _lengths.GetOrAdd(noise, _ =>
        {
            double[] deviations = Array.ConvertAll(noise.Variance.At(data.Keys), Math.Sqrt);
            return SimultaneousBand.Length(data, _kernel, Polynomials.Degree, Polynomials.Bandwidths[0], Polynomials, deviations);
        });
        return SimultaneousBand.Quantile(level, length, noise.Freedom);
    }

    /// <summary>sum_i c_i^2 r_i^2 at some queries of one feature (m), with each example's residual from the curve of the others.</summary>
    public double[] ResidualVariances(SmootherData data, Noise noise, ReadOnlySpan<double> queries)
    {
        double[] variances = new double[queries.Length];
        for (int i = 0; i < variances.Length; i++)
        {
            double reach = SimultaneousBand.Reach(_kernel, Polynomials.WidthAt(queries.Slice(i, 1), 0));
            int first = SortedNumbers.FirstNotBelow(data.Keys, queries[i] - reach);
            int end = SortedNumbers.FirstNotBelow(data.Keys, queries[i] + reach);
            double[] weights = new double[end - first];
            Polynomials.HatWeights(queries.Slice(i, 1), weights, first);
            for (int k = 0; k < weights.Length; k++)
            {
                double part = weights[k] * noise.WithoutOwn[first + k];
                variances[i] += part * part;
            }
        }

        return variances;
    }

    /// <summary>The corrected values (m, v), and sum c_i^2 / s_i of their weights (m).</summary>
    public (double[] Values, double[] SquaredWeights) At(ReadOnlySpan<double> queries, CancellationToken cancellationToken)
    {
        int m = queries.Length / Polynomials.Features;
        double[] values = new double[m * Polynomials.Columns];
        double[] neighbours = new double[m];
        Polynomials.At(
            queries, new PoolingOutput<double> { Values = values, EffectiveNeighbours = neighbours }, NoNeighbourPolicy.NaN,
            cancellationToken: cancellationToken);
        return (values, Array.ConvertAll(neighbours, count => 1 / count));
    }
}
