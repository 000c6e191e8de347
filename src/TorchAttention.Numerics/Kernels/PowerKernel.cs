using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The arithmetic of (1 - r^p)^q.</summary>
internal static class PowerKernel
{
    /// <summary>r^p from r^2.</summary>
    public static double Raise(double square, int p) => p switch
    {
        1 => Math.Sqrt(square),
        2 => square,
        3 => square * Math.Sqrt(square),
        _ => Math.Pow(square, p / 2.0),
    };

    /// <inheritdoc cref="Raise(double, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Raise<TLanes, T>(TLanes square, int p)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        p == 1 ? TLanes.Sqrt(square)
        : p == 2 ? square
        : p == 3 ? square * TLanes.Sqrt(square)
        : p % 2 == 0 ? Multiply<TLanes, T>(square, p / 2)
        : Multiply<TLanes, T>(square, p / 2) * TLanes.Sqrt(square);

    /// <summary>x^q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Multiply<TLanes, T>(TLanes x, int q)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        q == 0 ? TLanes.All(1) : q == 1 ? x : q == 2 ? x * x : q == 3 ? x * x * x : Repeat<TLanes, T>(x, q);

    /// <summary>The coefficients of sum_k c_k r^k.</summary>
    public static double[] Expand(int p, int q)
    {
        double[] coefficients = new double[(p * q) + 1];
        double binomial = 1;
        for (int i = 0; i <= q; i++)
        {
            coefficients[p * i] = i % 2 == 0 ? binomial : -binomial;
            binomial = binomial * (q - i) / (i + 1);
        }

        return coefficients;
    }

    /// <summary>int K^2 / (int K)^2 over both sides of 0.</summary>
    public static double Roughness(int p, int q)
    {
        (double above, double below) = Integral(p, 2 * q, 0);
        (double a, double b) = Integral(p, q, 0);
        return above * b * b / (2 * below * a * a);
    }

    /// <summary>int u^2 K / int K.</summary>
    public static double SecondMoment(int p, int q)
    {
        (double above, double below) = Integral(p, q, 2);
        (double a, double b) = Integral(p, q, 0);
        return above * b / (below * a);
    }

    // int_0^1 r^m (1 - r^p)^q dr = 1 / (m + 1) prod_(i = 1 .. q) i p / (i p + m + 1), as a fraction of whole numbers.
    private static (double Above, double Below) Integral(int p, int q, int m)
    {
        (double above, double below) = (1, m + 1);
        for (int i = 1; i <= q; i++)
        {
            above *= i * p;
            below *= (i * p) + m + 1;
        }

        return (above, below);
    }

    private static TLanes Repeat<TLanes, T>(TLanes x, int q)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes power = x;
        for (int i = 1; i < q; i++)
        {
            power *= x;
        }

        return power;
    }
}
