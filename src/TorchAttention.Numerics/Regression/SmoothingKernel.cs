using System.Numerics;
using TorchAttention.Numerics.Engine;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Regression;

/// <summary>A kernel chosen when the program runs; the types of <see cref="IKernel"/> are chosen when it is compiled.</summary>
/// <remarks>
/// Symbols: K(u) with u = (q - k)/h; R(K) = int K^2 / (int K)^2 and mu_2(K) = int u^2 K / int K, in one dimension, are what rules of thumb know of a kernel.
/// </remarks>
public abstract class SmoothingKernel
{
    private SmoothingKernel(string name, double support, bool hasJump, double roughness, double secondMoment)
    {
        Name = name;
        Support = support;
        HasJump = hasJump;
        Roughness = roughness;
        SecondMoment = secondMoment;
    }

    /// <summary>exp(-u^2 / 2).</summary>
    public static SmoothingKernel Gaussian { get; } = new Of<Gaussian>(1 / (2 * Math.Sqrt(Math.PI)), 1);

    /// <summary>1 where |u| is below 1.</summary>
    public static SmoothingKernel Boxcar { get; } = new Of<Boxcar>(1.0 / 2, 1.0 / 3);

    /// <summary>1 - u^2 where |u| is below 1.</summary>
    public static SmoothingKernel Epanechnikov { get; } = new Of<Epanechnikov>(3.0 / 5, 1.0 / 5);

    /// <summary>1 - |u| where |u| is below 1.</summary>
    public static SmoothingKernel Triangular { get; } = new Of<Triangular>(2.0 / 3, 1.0 / 6);

    /// <summary>(1 - u^2)^2 where |u| is below 1.</summary>
    public static SmoothingKernel Biweight { get; } = new Of<Biweight>(5.0 / 7, 1.0 / 7);

    /// <summary>(1 - |u|^3)^3 where |u| is below 1.</summary>
    public static SmoothingKernel Tricube { get; } = new Of<Tricube>(175.0 / 247, 35.0 / 243);

    /// <summary>Every kernel of the library that has a bandwidth.</summary>
    public static IReadOnlyList<SmoothingKernel> All { get; } = [Gaussian, Boxcar, Epanechnikov, Triangular, Biweight, Tricube];

    /// <summary>Whether K jumps where its support ends, so that sums of it jump, and their slopes say nothing.</summary>
    internal bool HasJump { get; }

    /// <summary>The name to ask for it by.</summary>
    public string Name { get; }

    /// <summary>The |u| from which on the kernel is 0; infinite for the Gaussian.</summary>
    public double Support { get; }

    /// <summary>R(K) = int K^2 / (int K)^2.</summary>
    public double Roughness { get; }

    /// <summary>mu_2(K) = int u^2 K / int K, the square of the kernel's standard deviation.</summary>
    public double SecondMoment { get; }

    /// <summary>
    /// The canonical bandwidth delta = (R / mu_2^2)^(1/5): bandwidths of two kernels whose ratio is that of their deltas smooth alike (J. S. Marron and
    /// D. Nolan, 1988).
    /// </summary>
    public double CanonicalBandwidth => Math.Pow(Roughness / (SecondMoment * SecondMoment), 0.2);

    /// <summary>The kernel of a name.</summary>
    /// <param name="name">The name, in letters of either case.</param>
    /// <returns>The kernel; null where there is none of this name.</returns>
    public static SmoothingKernel? Find(string name) => All.FirstOrDefault(kernel => kernel.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Pools with this kernel.</summary>
    /// <inheritdoc cref="KernelPooling.Pool{TKernel, T}(PoolingInput{T}, PoolingOutput{T}, PoolingOptions?, IProgress{double}?, CancellationToken)"/>
    public abstract PoolingReport Pool<T>(
        PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Pools with this kernel where each key has its own bandwidth.</summary>
    /// <inheritdoc cref="SamplePointPooling.Pool{TKernel}(SamplePointInput, SamplePointOutput, PoolingOptions?, CancellationToken)"/>
    public abstract void Pool(SamplePointInput input, SamplePointOutput output, PoolingOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The weight K(u) of a pair.</summary>
    /// <param name="squaredDistance">u^2.</param>
    public abstract double Weight(double squaredDistance);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private sealed class Of<TKernel>(double roughness, double secondMoment) : SmoothingKernel(TKernel.Name, TKernel.Support, TKernel.HasJump, roughness, secondMoment)
        where TKernel : IKernel
    {
        public override PoolingReport Pool<T>(
            PoolingInput<T> input, PoolingOutput<T> output, PoolingOptions? options, IProgress<double>? progress, CancellationToken cancellationToken) =>
            KernelPooling.Pool<TKernel, T>(input, output, options, progress, cancellationToken);

        public override void Pool(SamplePointInput input, SamplePointOutput output, PoolingOptions? options, CancellationToken cancellationToken) =>
            SamplePointPooling.Pool<TKernel>(input, output, options, cancellationToken);

        public override double Weight(double squaredDistance) => Math.Exp(TKernel.Score(squaredDistance));
    }
}
