using MathNet.Numerics.Distributions;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>What a fit says of itself: how far its means may be off, and how well they describe the values.</summary>
internal static class LikelihoodIntervals
{
    /// <summary>The fit that the bias is estimated by.</summary>
    public static LikelihoodProblem Corrected(LikelihoodProblem problem)
    {
        (int degree, double times, double ridge) = BiasCorrection.Of(problem.Degree);
        return new LikelihoodProblem(
            problem.Family, problem.Data, problem.Values, problem.Kernel, [.. problem.Bandwidths.Select(h => times * h)], degree, ridge);
    }

    /// <summary>The ends of an interval around a mean.</summary>
    /// <param name="problem">The fit.</param>
    /// <param name="eta">The link of the mean.</param>
    /// <param name="error">The standard error of that.</param>
    /// <param name="quantile">How many of them.</param>
    public static (double Lower, double Upper) Around(LikelihoodProblem problem, double eta, double error, double quantile) => (
        problem.Family.Mean(problem.Bounded(eta - (quantile * error))), problem.Family.Mean(problem.Bounded(eta + (quantile * error))));

    /// <summary>
    /// The ends where values of one kind alone are in reach: what n of them leave possible, (alpha/2)^(1/n) of the other kind, and of
    /// counts -ln(alpha/2) / n.
    /// </summary>
    public static (double Lower, double Upper) OfOneKind(LikelihoodProblem problem, double eta, double neighbours, double level)
    {
        double tail = (1 - level) / 2;
        double mean = problem.Family.Mean(eta);
        return problem.Family == ResponseFamily.Poisson ? (mean, Math.Max(mean, -Math.Log(tail) / neighbours))
            : eta < 0 ? (mean, Math.Max(mean, 1 - Math.Pow(tail, 1 / neighbours)))
            : (Math.Min(mean, Math.Pow(tail, 1 / neighbours)), mean);
    }

    /// <summary>How many standard errors.</summary>
    public static double Quantile(double level) => Normal.InvCDF(0, 1, (1 + level) / 2);

    /// <summary>What a fit says of its examples, and the means there.</summary>
    public static (LikelihoodDiagnostics Diagnostics, double[] Means) Measure(
        LikelihoodProblem problem, double leaveOneOut, double leaveOneOutError, int? threads, CancellationToken cancellationToken)
    {
        (int n, int d) = (problem.Data.Count, problem.Data.Features);
        double[] etas = new double[n];
        double[] leverages = new double[n];
        problem.ForEach(
            n,
            (i, pass) =>
            {
                pass.Fit(problem.Data.Keys.AsSpan(i * d, d));
                etas[i] = pass.Eta;
                if (!pass.IsOfOneKind)
                {
                    pass.Judge();
                    leverages[i] = pass.Influence * problem.Data.WeightAt(i) * problem.Family.Variance(problem.Family.Mean(pass.Eta));
                }
            },
            threads, null, cancellationToken);
        double[] means = Array.ConvertAll(etas, eta => problem.Family.Mean(eta));
        (double deviance, double ofMean, double pearson, double freedom) = (0, 0, 0, leverages.Sum());
        for (int i = 0; i < n; i++)
        {
            double weight = problem.Data.WeightAt(i);
            double residual = problem.Values[i] - means[i];
            deviance += weight * problem.Family.Deviance(problem.Values[i], etas[i]);
            ofMean += weight * problem.Family.Deviance(problem.Values[i], problem.Family.Link(problem.Mean));
            pearson += weight * residual * residual / problem.Family.Variance(means[i]);
        }

        return (new LikelihoodDiagnostics
        {
            Deviance = deviance,
            NullDeviance = ofMean,
            LeaveOneOutDeviance = leaveOneOut,
            LeaveOneOutError = leaveOneOutError,
            EffectiveDegreesOfFreedom = freedom,
            Dispersion = freedom < n ? pearson / (n - freedom) : double.NaN,
        }, means);
    }
}
