namespace TorchAttention.Numerics.Kernels;

/// <summary>R and mu_2 of a kernel that does not say them.</summary>
internal static class KernelMoments
{
    // tanh-sinh in steps of this reaches the ends of the double exponential at t = 4: some 1e-12 for what is smooth within the support.
    private const double Step = 1.0 / 64;
    private const double End = 4;

    // What is still this part of an integral at the end, 1e18 bandwidths out, has none.
    private const double LeftAtTheEnd = 1e-9;

    /// <summary>Integrates numerically; infinite where the kernel falls too slowly for a moment.</summary>
    public static (double Roughness, double SecondMoment) Integrate<TKernel>()
        where TKernel : IKernel
    {
        (double one, double square, double second, double last) = (0, 0, 0, 0);
        for (double t = -End; t <= End; t += Step)
        {
            // u runs from 0 to the support: s (1 + tanh(pi/2 sinh t)) / 2; to infinity where there is none: exp(pi/2 sinh t).
            double inner = Math.PI / 2 * Math.Sinh(t);
            double slope = Math.PI / 2 * Math.Cosh(t);
            bool ends = double.IsFinite(TKernel.Support);
            double u = ends ? TKernel.Support / (1 + Math.Exp(-2 * inner)) : Math.Exp(inner);
            double width = ends ? TKernel.Support * slope / (2 * Math.Cosh(inner) * Math.Cosh(inner)) : u * slope;
            double weight = Math.Exp(TKernel.Score(u * u));
            last = 0;
            if (weight > 0)
            {
                last = double.IsFinite(TKernel.Support) ? 0 : weight * u * u * width;
                one += weight * width;
                square += weight * weight * width;
                second += weight * u * u * width;
            }
        }

        return (square / (2 * one * one * Step), last > LeftAtTheEnd * second ? double.PositiveInfinity : second / one);
    }
}
