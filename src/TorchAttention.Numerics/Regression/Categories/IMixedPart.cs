namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>The sums over the examples of one combination of levels at some places, before its levels' factor.</summary>
internal interface IMixedPart
{
    /// <summary>The logarithm of a place's sum of weights.</summary>
    double LogWeight(int place);

    /// <summary>Copies a place's sums.</summary>
    /// <param name="sums">Where they go.</param>
    /// <param name="place">The place.</param>
    /// <param name="logLargest">The logarithm of what they are to be relative to.</param>
    void CopyTo(Span<double> sums, int place, double logLargest);

    /// <summary>Sums of its kind, with nothing added yet.</summary>
    /// <param name="queries">For how many queries; for each place where null.</param>
    MixedSums CreateSums(int? queries = null);

    /// <summary>Adds a place's sums to those of a query.</summary>
    /// <param name="sums">Of <see cref="CreateSums"/>.</param>
    /// <param name="query">The query.</param>
    /// <param name="place">The place.</param>
    /// <param name="logFactor">The logarithm of what its combination counts there.</param>
    void AddTo(MixedSums sums, int query, int place, double logFactor);
}
