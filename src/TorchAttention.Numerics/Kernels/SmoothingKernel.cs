namespace TorchAttention.Numerics.Kernels;

/// <summary>A kernel chosen when the program runs; the types of <see cref="IKernel"/> are chosen when it is compiled.</summary>
/// <remarks>
/// Symbols: K(u) with u = (q - k)/h; R(K) = int K^2 / (int K)^2 and mu_2(K) = int u^2 K / int K, in one dimension, are what rules of thumb
/// know of a kernel.
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
    public static SmoothingKernel Gaussian { get; } = For<Gaussian>();

    /// <summary>1 where |u| is below 1.</summary>
    public static SmoothingKernel Boxcar { get; } = For<Boxcar>();

    /// <summary>1 - u^2 where |u| is below 1.</summary>
    public static SmoothingKernel Epanechnikov { get; } = For<Epanechnikov>();

    /// <summary>1 - |u| where |u| is below 1.</summary>
    public static SmoothingKernel Triangular { get; } = For<Triangular>();

    /// <summary>(1 - u^2)^2 where |u| is below 1.</summary>
    public static SmoothingKernel Biweight { get; } = For<Biweight>();

    /// <summary>(1 - |u|^3)^3 where |u| is below 1.</summary>
    public static SmoothingKernel Tricube { get; } = For<Tricube>();

    /// <summary>
    /// Every kernel of the library that has a bandwidth: those that are found by their names, in files and on a command line.
    /// </summary>
    public static IReadOnlyList<SmoothingKernel> All { get; } = [Gaussian, Boxcar, Epanechnikov, Triangular, Biweight, Tricube];

    /// <summary>Whether K jumps where its support ends, so that sums of it jump, and their slopes say nothing.</summary>
    internal bool HasJump { get; }

    /// <summary>The name to ask for it by.</summary>
    public string Name { get; }

    /// <summary>The |u| from which on the kernel is 0; infinite where it never is.</summary>
    public double Support { get; }

    /// <summary>R(K) = int K^2 / (int K)^2.</summary>
    public double Roughness { get; }

    /// <summary>mu_2(K) = int u^2 K / int K, the square of the kernel's standard deviation.</summary>
    public double SecondMoment { get; }

    /// <summary>
    /// The canonical bandwidth delta = (R / mu_2^2)^(1/5): bandwidths of two kernels whose ratio is that of their deltas smooth alike (J.
    /// S. Marron and D. Nolan, 1988).
    /// </summary>
    public double CanonicalBandwidth => Math.Pow(Roughness / (SecondMoment * SecondMoment), 0.2);

    /// <summary>The kernel of a type, of the library or one's own: always the same object.</summary>
    /// <typeparam name="TKernel">The type.</typeparam>
    public static SmoothingKernel For<TKernel>()
        where TKernel : IKernel => OfType<TKernel>.Instance;

    /// <summary>The kernel of a name.</summary>
    /// <param name="name">The name, in letters of either case.</param>
    /// <returns>The kernel; null where <see cref="All"/> has none of this name.</returns>
    public static SmoothingKernel? Find(string name) =>
        All.FirstOrDefault(kernel => kernel.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Runs what is compiled for each kernel with this one.</summary>
    /// <param name="call">What to run.</param>
    public abstract TResult Call<TCall, TResult>(scoped in TCall call)
        where TCall : IKernelCall<TResult>, allows ref struct;

    /// <summary>The weight K(u) of a pair.</summary>
    /// <param name="squaredDistance">u^2.</param>
    public abstract double Weight(double squaredDistance);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private sealed class OfType<TKernel>((double Roughness, double SecondMoment) moments)
        : SmoothingKernel(TKernel.Name, TKernel.Support, TKernel.HasJump, moments.Roughness, moments.SecondMoment)
        where TKernel : IKernel
    {
        public static readonly OfType<TKernel> Instance = new(TKernel.Moments ?? KernelMoments.Integrate<TKernel>());

        public override TResult Call<TCall, TResult>(scoped in TCall call) => call.Run<TKernel>();

        public override double Weight(double squaredDistance) => Math.Exp(TKernel.Score(squaredDistance));
    }
}
