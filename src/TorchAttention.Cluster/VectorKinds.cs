using System.Numerics;
using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>
/// What the bits of sums depend on beside the manifest: how wide the processor's vectors are, up to the manifest's, and whether a product
/// and a sum are rounded once. Each kind is a flag, so that a set of them is a number.
/// </summary>
internal static class VectorKinds
{
    private const int Widths = 3;

    /// <summary>The kind of this process.</summary>
    /// <param name="manifest">The shards, which say how wide vectors are to be.</param>
    public static int Here(ShardManifest manifest)
    {
        int widest = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        return Of(Math.Min(widest, manifest.VectorBits), IsFused());
    }

    /// <summary>The kind of a processor.</summary>
    /// <param name="bits">128, 256 or 512.</param>
    /// <param name="isFused">Whether a product and a sum are rounded once.</param>
    public static int Of(int bits, bool isFused) => 1 << (BitOperations.Log2((uint)bits / 128) + (isFused ? 0 : Widths));

    /// <summary>Whether there are several.</summary>
    public static bool AreMixed(int kinds) => BitOperations.PopCount((uint)kinds) > 1;

    /// <summary>What the kinds are called.</summary>
    public static string Name(int kinds) => string.Join(
        " and ",
        Enumerable.Range(0, 2 * Widths).Where(kind => (kinds & (1 << kind)) != 0)
            .Select(kind => $"{128 << (kind % Widths)} bits{(kind < Widths ? "" : " unfused")}"));

    // 1 - 2^-60 is no double: rounded twice the sum is nothing.
    private static bool IsFused()
    {
        const double small = 1.0 / (1 << 30);
        return Vector128.MultiplyAddEstimate(
            Vector128.Create(1 + small), Vector128.Create(1 - small), Vector128.Create(-1.0)).ToScalar() != 0;
    }
}
