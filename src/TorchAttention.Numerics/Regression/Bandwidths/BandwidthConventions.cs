using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>A bandwidth in the conventions of other packages; here h divides the distance.</summary>
public static class BandwidthConventions
{
    // The quartile of the standard normal distribution.
    private const double NormalQuartile = 0.6744897501960817;

    /// <summary>The standard deviation of the kernel as a density, what R's <c>density</c> calls <c>bw</c>: h sqrt(mu_2).</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="h">The bandwidth here.</param>
    public static double ToStandardDeviation(SmoothingKernel kernel, double h) => h * Math.Sqrt(Checked(kernel).SecondMoment);

    /// <summary>The bandwidth here of a kernel's standard deviation.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="standardDeviation">The standard deviation.</param>
    public static double FromStandardDeviation(SmoothingKernel kernel, double standardDeviation) =>
        standardDeviation / Math.Sqrt(Checked(kernel).SecondMoment);

    /// <summary>R's <c>ksmooth</c>: the kernel's quartiles stand at a quarter of the bandwidth on both sides of 0.</summary>
    /// <param name="kernel">The Gaussian ("normal" there) or the boxcar ("box").</param>
    /// <param name="h">The bandwidth here.</param>
    /// <exception cref="ArgumentException">Another kernel.</exception>
    public static double ToKsmooth(SmoothingKernel kernel, double h) => h * 4 * Quartile(kernel);

    /// <summary>The bandwidth here of one of R's <c>ksmooth</c>.</summary>
    /// <param name="kernel">The Gaussian or the boxcar.</param>
    /// <param name="bandwidth">The bandwidth there.</param>
    /// <exception cref="ArgumentException">Another kernel.</exception>
    public static double FromKsmooth(SmoothingKernel kernel, double bandwidth) => bandwidth / (4 * Quartile(kernel));

    /// <summary>
    /// R's <c>np</c>: the same for the Gaussian and, as half its width, the uniform kernel; its Epanechnikov kernel has the support sqrt(5)
    /// bandwidths.
    /// </summary>
    /// <param name="kernel">The Gaussian, the boxcar or the Epanechnikov kernel.</param>
    /// <param name="h">The bandwidth here.</param>
    /// <exception cref="ArgumentException">Another kernel.</exception>
    public static double ToNp(SmoothingKernel kernel, double h) =>
        Checked(kernel) == SmoothingKernel.Epanechnikov ? h / Math.Sqrt(5)
        : kernel == SmoothingKernel.Gaussian || kernel == SmoothingKernel.Boxcar ? h
        : throw new ArgumentException($"Expected the kernel gaussian, boxcar or epanechnikov, got {kernel}.", nameof(kernel));

    /// <summary>In canonical bandwidths, which smooth alike whatever the kernel: h / delta.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="h">The bandwidth here.</param>
    public static double ToCanonical(SmoothingKernel kernel, double h) => h / Checked(kernel).CanonicalBandwidth;

    /// <summary>
    /// Every convention that knows the kernel, with its name. statsmodels' and KernSmooth's Gaussian bandwidth is the one here.
    /// </summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="h">The bandwidth here.</param>
    public static IReadOnlyList<(string Convention, double Value)> All(SmoothingKernel kernel, double h)
    {
        var all = new List<(string, double)> { ("kernel's standard deviation (R density)", ToStandardDeviation(kernel, h)) };
        if (kernel == SmoothingKernel.Gaussian)
        {
            all.Add(("statsmodels, KernSmooth", h));
        }

        if (kernel == SmoothingKernel.Gaussian || kernel == SmoothingKernel.Boxcar)
        {
            all.Add(("R ksmooth", ToKsmooth(kernel, h)));
        }

        if (kernel == SmoothingKernel.Gaussian || kernel == SmoothingKernel.Boxcar || kernel == SmoothingKernel.Epanechnikov)
        {
            all.Add(("R np", ToNp(kernel, h)));
        }

        all.Add(("canonical", ToCanonical(kernel, h)));
        return all;
    }

    private static double Quartile(SmoothingKernel kernel) =>
        Checked(kernel) == SmoothingKernel.Gaussian ? NormalQuartile
        : kernel == SmoothingKernel.Boxcar ? 0.5
        : throw new ArgumentException($"Expected the kernel gaussian or boxcar, got {kernel}.", nameof(kernel));

    private static SmoothingKernel Checked(SmoothingKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return kernel;
    }
}
