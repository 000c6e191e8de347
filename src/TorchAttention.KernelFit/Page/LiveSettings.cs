using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Cli.Page;

/// <summary>What is set on the page.</summary>
internal sealed record LiveSettings
{
    /// <param name="curve">The curve, as it was fitted.</param>
    public LiveSettings(LiveCurve curve)
    {
        (string kernel, Degree, Bandwidths) = curve.Found;
        Kernel = SmoothingKernel.Find(kernel)!;
        Slice = new double[curve.Features];
    }

    public SmoothingKernel Kernel { get; init; }

    public int Degree { get; init; }

    /// <summary>The bandwidths (d).</summary>
    public IReadOnlyList<double> Bandwidths { get; init; }

    /// <summary>The feature that the curve is drawn over.</summary>
    public int Feature { get; init; }

    /// <summary>Where the other features are held (d).</summary>
    public IReadOnlyList<double> Slice { get; init; }

    /// <summary>The rows that were clicked away.</summary>
    public IReadOnlySet<int> Removed { get; init; } = new HashSet<int>();

    /// <summary>Whether the interval of new observations is shown.</summary>
    public bool HasNew { get; init; }

    /// <summary>Whether the noise is measured anew, and the errors told; while a slider moves it is not.</summary>
    public bool IsExact { get; init; }
}
