namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>By what the logarithms of weights are raised, less the logarithm of one weight, plus a gap: apart, since logarithms of the
/// size 1e18, of keys 1e9 bandwidths away, would take a gap of 100 for rounding.</summary>
/// <param name="From">The logarithm of a weight.</param>
/// <param name="Gap">The gap.</param>
internal readonly record struct Raise(double From, double Gap)
{
    /// <summary>Whether nothing is raised.</summary>
    public bool IsNone => From == 0 && Gap == 0;

    /// <summary>The number that is added; rounded.</summary>
    public double Total => Gap - From;

    public static Raise Min(in Raise a, in Raise b) => a.IsMoreThan(b) ? b : a;

    public static Raise Max(in Raise a, in Raise b) => a.IsMoreThan(b) ? a : b;

    /// <summary>The logarithm of a raised weight.</summary>
    /// <param name="logWeight">The logarithm of the weight.</param>
    public double Of(double logWeight) => logWeight - From + Gap;

    public bool IsMoreThan(in Raise other) => other.From - From + (Gap - other.Gap) > 0;
}
