namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>Sums of the degree 0.</summary>
/// <param name="queries">How many queries there are.</param>
internal sealed class MixedMeans(int queries) : MixedSums(queries)
{
    private readonly double[] _weights = new double[queries];
    private readonly double[] _values = new double[queries];
    private readonly double[] _squares = new double[queries];

    /// <summary>Adds a part.</summary>
    /// <param name="query">The query.</param>
    /// <param name="logWeight">The logarithm of the sum of its weights w_i.</param>
    /// <param name="mean">The mean of its values by these.</param>
    /// <param name="neighbours">(sum w_i)^2 / sum w_i^2 / s_i; NaN where it was not summed.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int query, double logWeight, double mean, double neighbours)
    {
        if (!(logWeight > double.NegativeInfinity))
        {
            return;
        }

        double weight = Relative(query, logWeight);
        _weights[query] += weight;
        _values[query] += weight * mean;
        _squares[query] += weight * weight / neighbours;
    }

    public override void AddOwn(int query, double logWeight, double value, double sampleWeight) =>
        Add(query, logWeight, value, sampleWeight);

    public override MixedFit Fit(int query, double logOwn = double.NegativeInfinity) => _weights[query] is > 0 and var weight
        ? new MixedFit(
            _values[query] / weight, weight * weight / _squares[query], Math.Exp(logOwn - LogLargest(query)) / weight)
        : MixedFit.None;

    protected override void Scale(int query, double factor)
    {
        _weights[query] *= factor;
        _values[query] *= factor;
        _squares[query] *= factor * factor;
    }

    /// <summary>One combination's, at each query (m).</summary>
    /// <param name="LogWeights">The logarithms of the sums of its weights.</param>
    /// <param name="Means">The means of its values.</param>
    /// <param name="Neighbours">Its effective neighbours; empty where they were not summed.</param>
    public sealed record Part(double[] LogWeights, double[] Means, double[] Neighbours) : IMixedPart
    {
        public double LogWeight(int place) => LogWeights[place];

        public void CopyTo(Span<double> sums, int place, double logLargest)
        {
            sums[0] = Math.Exp(LogWeights[place] - logLargest);
            sums[1] = sums[0] * Means[place];
        }

        public MixedSums CreateSums(int? queries) => new MixedMeans(queries ?? Means.Length);

        public void AddTo(MixedSums sums, int query, int place, double logFactor) => ((MixedMeans)sums).Add(
            query, LogWeights[place] + logFactor, Means[place], Neighbours.Length == 0 ? double.NaN : Neighbours[place]);
    }
}
