using System.Collections.Concurrent;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// Windows over cells for bandwidths from each power of 2 to twice that, made when they are first asked for. They are the same for every
/// share of the keys: a search makes them once.
/// </summary>
internal sealed class NearestWindows<TKernel, TLanes>(LineKeys keys, PolynomialLayout layout) : IDisposable
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private readonly ConcurrentDictionary<int, Lazy<PolynomialWindows<TKernel, TLanes>>> _windows = new();

    /// <summary>The windows for bandwidths of a power of 2.</summary>
    public PolynomialWindows<TKernel, TLanes> Of(int power) => _windows.GetOrAdd(
        power, _ => new(() => new(keys, Math.ScaleB(1, power), layout, new Work(1, null, CancellationToken.None)))).Value;

    public void Dispose()
    {
        foreach (Lazy<PolynomialWindows<TKernel, TLanes>> windows in _windows.Values)
        {
            windows.Value.Dispose();
        }
    }
}
