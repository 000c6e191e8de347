namespace TorchAttention.Numerics.Kernels;

/// <summary>A kernel that ends, K(r) = (1 - r^p)^q where r &lt; 1, else 0: all that is to be known of it follows from p and q.</summary>
/// <remarks>
/// <para>A kernel of this family is a struct of three lines: its name, p and q. (1 - r^2)^3, say, is the triweight kernel:</para>
/// <code>
/// public readonly struct Triweight : IPowerKernel&lt;Triweight&gt;
/// {
///     public static string Name =&gt; "triweight";
///     public static int P =&gt; 2;
///     public static int Q =&gt; 3;
/// }
/// </code>
/// </remarks>
/// <typeparam name="TSelf">The kernel.</typeparam>
public interface IPowerKernel<TSelf> : IKernel
    where TSelf : IPowerKernel<TSelf>
{
    /// <summary>p, at least 1.</summary>
    static abstract int P { get; }

    /// <summary>q, at least 0; with 0 the kernel jumps where it ends.</summary>
    static abstract int Q { get; }

    /// <inheritdoc/>
    static double IKernel.Support => 1;

    /// <inheritdoc/>
    static bool IKernel.HasJump => TSelf.Q == 0;

    /// <inheritdoc/>
    static ReadOnlySpan<double> IKernel.Polynomial => Expansion.Coefficients;

    /// <inheritdoc/>
    static (double Roughness, double SecondMoment)? IKernel.Moments => (Expansion.Roughness, Expansion.SecondMoment);

    /// <inheritdoc/>
    static double IKernel.Score(double squaredDistance) =>
        !(squaredDistance < 1) ? double.NegativeInfinity
        : TSelf.Q == 0 ? 0
        : TSelf.Q * double.LogP1(-PowerKernel.Raise(squaredDistance, TSelf.P));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes IKernel.Weight<TLanes, T>(TLanes argument)
    {
        TLanes one = TLanes.All(1);
        TLanes inside = one - PowerKernel.Raise<TLanes, T>(argument, TSelf.P);
        return TLanes.WhereLess(argument, one, PowerKernel.Multiply<TLanes, T>(inside, TSelf.Q));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes IKernel.Slope<TLanes, T>(TLanes argument, TLanes weight)
    {
        if (TSelf.Q == 0)
        {
            return TLanes.All(0);
        }

        // p q r^(p - 2) (1 - r^p)^(q - 1). At the query itself that of p = 1 is infinite and its u is 0; the floor keeps their product 0.
        TLanes one = TLanes.All(1);
        TLanes slope = TLanes.All(TSelf.P * TSelf.Q);
        slope = TSelf.P == 1 ? slope / TLanes.Sqrt(TLanes.Max(argument, TLanes.All(1e-30)))
            : TSelf.P == 2 ? slope
            : slope * PowerKernel.Raise<TLanes, T>(argument, TSelf.P - 2);
        return TLanes.WhereLess(
            argument,
            one,
            TSelf.Q == 1 ? slope : slope * PowerKernel.Multiply<TLanes,
                T>(one - PowerKernel.Raise<TLanes, T>(argument, TSelf.P), TSelf.Q - 1));
    }

    private static class Expansion
    {
        public static readonly double[] Coefficients = PowerKernel.Expand(TSelf.P, TSelf.Q);
        public static readonly double Roughness = PowerKernel.Roughness(TSelf.P, TSelf.Q);
        public static readonly double SecondMoment = PowerKernel.SecondMoment(TSelf.P, TSelf.Q);
    }
}
