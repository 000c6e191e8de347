namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>Sums of weights at some queries, merged from parts, relative to the largest part of each.</summary>
internal abstract class MixedSums
{
    private readonly double[] _logLargest;

    protected MixedSums(int queries)
    {
        _logLargest = new double[queries];
        Array.Fill(_logLargest, double.NegativeInfinity);
    }

    /// <summary>Adds an example at the query itself.</summary>
    /// <param name="query">The query.</param>
    /// <param name="logWeight">The logarithm of its weight w_i.</param>
    /// <param name="value">Its value.</param>
    /// <param name="sampleWeight">s_i, which is in w_i.</param>
    public abstract void AddOwn(int query, double logWeight, double value, double sampleWeight);

    /// <summary>What the sums come to.</summary>
    /// <param name="query">The query.</param>
    /// <param name="logOwn">The logarithm of the weight of an example at the query.</param>
    public abstract MixedFit Fit(int query, double logOwn = double.NegativeInfinity);

    /// <summary>The weight of a part relative to the largest, whose own sums are scaled where this one is larger.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected double Relative(int query, double logWeight)
    {
        if (logWeight > _logLargest[query])
        {
            Scale(query, Math.Exp(_logLargest[query] - logWeight));
            _logLargest[query] = logWeight;
        }

        return Math.Exp(logWeight - _logLargest[query]);
    }

    /// <summary>The logarithm of what the sums are relative to.</summary>
    protected double LogLargest(int query) => _logLargest[query];

    /// <summary>Multiplies the weights of a query's sums.</summary>
    protected abstract void Scale(int query, double factor);
}
