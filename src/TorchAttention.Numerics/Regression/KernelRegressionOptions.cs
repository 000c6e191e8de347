using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.Regression;

/// <summary>How a kernel regression is fitted.</summary>
public sealed record KernelRegressionOptions
{
    /// <summary>The kernel; the Gaussian by default.</summary>
    public SmoothingKernel Kernel { get; init; } = SmoothingKernel.Gaussian;

    /// <summary>0, local constant (Nadaraya-Watson), by default; 1, local linear.</summary>
    public int Degree { get; init; }

    /// <summary>The bandwidth or the rule for it; <see cref="BandwidthRule.LeaveOneOut"/> by default.</summary>
    public Bandwidth Bandwidth { get; init; } = Bandwidth.LeaveOneOut;

    /// <summary>
    /// Whether cross-validation leaves out, with an example, all others at the same place; false by default. Copies of an example predict
    /// it without error, and the fewer neighbours the better: where data has copies, this keeps them from driving the bandwidth to 0.
    /// </summary>
    public bool LeaveOutTies { get; init; }

    /// <summary>
    /// The least and the largest bandwidth that a search may choose, in the units of the features: one pair for all of them, or one for
    /// each. Null, the default, for bounds by the data: from a tenth of the smallest distances between neighbouring keys (their quantile of
    /// 5%) to eight times the keys' range.
    /// </summary>
    public IReadOnlyList<(double Least, double Most)>? SearchBounds { get; init; }

    /// <summary>
    /// The number type of predictions; a search ends in float64 whatever this says. <see cref="NumberPrecision.Float64"/> by default.
    /// </summary>
    public NumberPrecision Precision { get; init; }

    /// <summary>
    /// Where predictions on tensors are computed: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>; null, the default, where their
    /// queries are. A search and predictions on arrays are computed on the CPU whatever this says.
    /// </summary>
    public string? Device { get; init; }

    /// <summary>The answer for a query without neighbours; NaN by default.</summary>
    public NoNeighbourPolicy NoNeighbour { get; init; }

    /// <summary>The most threads at work; every processor by default. The numbers do not depend on it.</summary>
    public int? Threads { get; init; }
}
