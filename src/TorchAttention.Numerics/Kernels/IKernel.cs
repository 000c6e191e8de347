using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>How alike a query and a key are: K(r), with K(0) = 1, of the scaled distance r = |u|, u_j = (q_j - k_j) / h_j.</summary>
/// <remarks>
/// With several features the kernel is radial: one K of the norm of u, not a product over the features (for the Gaussian the two are the
/// same). A constant factor cancels in kernel regression, so none is kept. Implementations are empty structs, so that loops over pairs are
/// compiled for each one.
/// </remarks>
public interface IKernel
{
    /// <summary>The name to ask for it by.</summary>
    static abstract string Name { get; }

    /// <summary>The scaled distance from which on the kernel is 0; infinite where it never is.</summary>
    static abstract double Support { get; }

    /// <summary>
    /// What r^2 is multiplied by to be the argument of <see cref="Weight"/> and <see cref="Slope"/>: 1, or what turns the score into a
    /// power of 2.
    /// </summary>
    static virtual double ArgumentScale => 1;

    /// <summary>Whether K jumps where its support ends, so that a key's side of the boundary must be decided exactly.</summary>
    static virtual bool HasJump => false;

    /// <summary>The coefficients c of K(r) = sum_k c_k r^k within the support; empty where K is no polynomial.</summary>
    static virtual ReadOnlySpan<double> Polynomial => [];

    /// <summary>
    /// R = int K^2 / (int K)^2 and mu_2 = int u^2 K / int K in one dimension, which rules of thumb ask for; null where they are to be
    /// integrated numerically.
    /// </summary>
    static virtual (double Roughness, double SecondMoment)? Moments => null;

    /// <summary>The score log K(r): 0 at r = 0, minus infinity where K is 0.</summary>
    /// <param name="squaredDistance">r^2, at least 0.</param>
    static abstract double Score(double squaredDistance);

    /// <summary>K(r).</summary>
    /// <param name="argument">r^2 times <see cref="ArgumentScale"/>.</param>
    static abstract TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged;

    /// <summary>-2 dK / d(r^2), by which the gradient goes: dK / d log h_j = u_j^2 times this.</summary>
    /// <param name="argument">r^2 times <see cref="ArgumentScale"/>.</param>
    /// <param name="weight">K(r), as <see cref="Weight"/> gave it.</param>
    static abstract TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged;
}
