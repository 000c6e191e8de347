using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>How a fit on numbers and categories weighs examples, and what it fits to them.</summary>
/// <param name="Kernel">The kernel of the numbers.</param>
/// <param name="Bandwidths">Bandwidths (d).</param>
/// <param name="Lambdas">lambda (c).</param>
/// <param name="Degree">Of the polynomial in the numbers.</param>
/// <param name="Ridge">L.</param>
/// <param name="Threads">The most threads at work.</param>
internal sealed record MixedSettings(
    SmoothingKernel Kernel, double[] Bandwidths, double[] Lambdas, int Degree, double Ridge, int? Threads)
{
    public MixedSettings(KernelRegressionOptions options, double[] bandwidths, double[] lambdas)
        : this(options.Kernel, bandwidths, lambdas, options.Degree, options.RidgeInUse, options.Threads)
    {
    }
}
