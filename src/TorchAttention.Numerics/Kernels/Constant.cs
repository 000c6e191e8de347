using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Kernels;

/// <summary>The constant kernel, K(r) = 1.</summary>
/// <remarks>Support: everywhere. Every key weighs the same: average pooling.</remarks>
public readonly struct Constant : IKernel
{
    /// <inheritdoc/>
    public static string Name => "constant";

    /// <inheritdoc/>
    public static double Support => double.PositiveInfinity;

    /// <inheritdoc/>
    public static double Score(double squaredDistance) => 0;

    /// <inheritdoc/>
    public static TLanes Weight<TLanes, T>(TLanes argument)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        TLanes.All(1);

    /// <inheritdoc/>
    public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged =>
        TLanes.All(0);
}
