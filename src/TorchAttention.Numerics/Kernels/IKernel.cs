namespace TorchAttention.Numerics.Kernels;

/// <summary>How alike a query and a key are: K(r), with K(0) = 1, of the scaled distance r = |u|, u_j = (q_j - k_j) / h_j.</summary>
/// <remarks>
/// With several features the kernel is radial: one K of the norm of u, not a product over the features (for the Gaussian the two are the same).
/// A constant factor cancels in kernel regression, so none is kept. Implementations are empty structs, so that loops over pairs are compiled for each one.
/// </remarks>
public interface IKernel
{
    /// <summary>The name to ask for it by.</summary>
    static abstract string Name { get; }

    /// <summary>The scaled distance from which on the kernel is 0; infinite where it never is.</summary>
    static abstract double Support { get; }

    /// <summary>The score log K(r): 0 at r = 0, minus infinity where K is 0.</summary>
    /// <param name="squaredDistance">r^2, at least 0.</param>
    static abstract double Score(double squaredDistance);
}
