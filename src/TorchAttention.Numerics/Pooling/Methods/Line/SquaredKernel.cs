using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The square of a kernel that is a polynomial: what the sum of squared weights is made of.</summary>
internal readonly struct SquaredKernel<TKernel> : IKernel
    where TKernel : IKernel
{
    private static readonly double[] _polynomial = Square(TKernel.Polynomial);

    public static string Name => $"squared {TKernel.Name}";

    public static double Support => TKernel.Support;

    public static double ArgumentScale => TKernel.ArgumentScale;

    public static bool HasJump => TKernel.HasJump;

    public static ReadOnlySpan<double> Polynomial => _polynomial;

    public static double Score(double squaredDistance) => 2 * TKernel.Score(squaredDistance);

    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes weight = TKernel.Weight<TLanes, T>(argument);
        return weight * weight;
    }

    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes root = TKernel.Weight<TLanes, T>(argument);
        return TLanes.All(2) * root * TKernel.Slope<TLanes, T>(argument, root);
    }

    private static double[] Square(ReadOnlySpan<double> polynomial)
    {
        double[] square = new double[Math.Max(0, (2 * polynomial.Length) - 1)];
        for (int i = 0; i < polynomial.Length; i++)
        {
            for (int j = 0; j < polynomial.Length; j++)
            {
                square[i + j] += polynomial[i] * polynomial[j];
            }
        }

        return square;
    }
}
