namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>Sums of weights at some queries, merged from parts, relative to the largest part of each.</summary>
/// <param name="queries">How many there are.</param>
internal sealed class MixedSums(int queries)
{
    private readonly double[] _logLargest = [.. Enumerable.Repeat(double.NegativeInfinity, queries)];
    private readonly double[] _weights = new double[queries];
    private readonly double[] _values = new double[queries];
    private readonly double[] _squares = new double[queries];

    /// <summary>Adds a part.</summary>
    /// <param name="query">The query.</param>
    /// <param name="logWeight">The logarithm of the sum of its weights w_i.</param>
    /// <param name="mean">The mean of its values by these.</param>
    /// <param name="neighbours">(sum w_i)^2 / sum w_i^2 / s_i.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int query, double logWeight, double mean, double neighbours)
    {
        if (!(logWeight > double.NegativeInfinity))
        {
            return;
        }

        if (logWeight > _logLargest[query])
        {
            double shrink = Math.Exp(_logLargest[query] - logWeight);
            _weights[query] *= shrink;
            _values[query] *= shrink;
            _squares[query] *= shrink * shrink;
            _logLargest[query] = logWeight;
        }

        double weight = Math.Exp(logWeight - _logLargest[query]);
        _weights[query] += weight;
        _values[query] += weight * mean;
        _squares[query] += weight * weight / neighbours;
    }

    /// <summary>Whether anything was added.</summary>
    public bool HasNeighbour(int query) => _weights[query] > 0;

    /// <summary>The mean over all parts.</summary>
    public double Mean(int query) => _values[query] / _weights[query];

    /// <summary>1 / sum_i l_i^2 / s_i over all parts; 0 where there are none.</summary>
    public double Neighbours(int query) => HasNeighbour(query) ? _weights[query] * _weights[query] / _squares[query] : 0;

    /// <summary>What a weight is of the sum.</summary>
    public double Part(int query, double logWeight) => Math.Exp(logWeight - _logLargest[query]) / _weights[query];
}
