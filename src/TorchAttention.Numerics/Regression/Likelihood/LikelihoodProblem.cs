using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>Examples and how a polynomial is fitted to those near a query: what all queries share.</summary>
internal sealed class LikelihoodProblem
{
    /// <summary>
    /// How far the link of a mean is from that of one half, or from that of the mean of all counts, at most: beyond, values of one kind
    /// alone are in reach. Its exponential is 2e-9.
    /// </summary>
    public const double MostEta = 20;

    private const int QueriesInPart = 64;

    public LikelihoodProblem(
        ResponseFamily family, SmootherData data, double[] values, SmoothingKernel kernel, double[] bandwidths, int degree, double ridge)
    {
        (Family, Data, Values, Kernel, Bandwidths, Degree) = (family, data, values, kernel, bandwidths, degree);
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            sum += data.WeightAt(i) * values[i];
        }

        Mean = sum / data.TotalWeight;
        Centre = family == ResponseFamily.Binomial ? 0 : Math.Log(Mean);
        Ridge = ridge * family.Variance(Mean);
    }

    public ResponseFamily Family { get; }

    public SmootherData Data { get; }

    /// <summary>The values (n), as they were given.</summary>
    public double[] Values { get; }

    public SmoothingKernel Kernel { get; }

    /// <summary>Bandwidths (d).</summary>
    public double[] Bandwidths { get; }

    public int Degree { get; }

    /// <summary>What holds the slopes: L times the information of a row of the mean of all.</summary>
    public double Ridge { get; }

    /// <summary>The mean of all values.</summary>
    public double Mean { get; }

    /// <summary>eta where a mean lies in the middle.</summary>
    public double Centre { get; }

    /// <summary>eta within what is said.</summary>
    public double Bounded(double eta) => Math.Clamp(eta, Centre - MostEta, Centre + MostEta);

    /// <summary>Fits at some queries.</summary>
    /// <param name="count">How many.</param>
    /// <param name="fit">Fits one of them.</param>
    /// <param name="threads">The most threads at work.</param>
    /// <param name="progress">Told the part done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public void ForEach(
        int count, Action<int, LikelihoodPass> fit, int? threads, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new Work(Math.Min(threads ?? Environment.ProcessorCount, Environment.ProcessorCount), progress, cancellationToken).ForEach(
            (count + QueriesInPart - 1) / QueriesInPart,
            () => new LikelihoodPass(this),
            (part, pass) =>
            {
                // Who has computed what before is chance; the bits of a part are not.
                pass.Begin();
                for (int i = part * QueriesInPart; i < Math.Min(count, (part + 1) * QueriesInPart); i++)
                {
                    fit(i, pass);
                }
            });
}
