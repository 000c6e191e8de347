using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>Sums pair by pair over some neighbouring keys.</summary>
internal static unsafe class DirectRun<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int MostKeys = 512;

    /// <summary>The length of the buffers that a sum needs.</summary>
    public const int BufferLength = GeneralLoops<TKernel, TLanes, double>.Buffers * MostKeys;

    public static void Add(
        LineKeys keys, int first, int end, in SumLayout layout, double* query, double* scale, double* buffers, double* row)
    {
        for (; first < end; first += MostKeys)
        {
            PairLoops<TKernel, TLanes, double>.Add(keys.Slice(first, Math.Min(MostKeys, end - first)), layout, query, scale, buffers, row);
        }
    }
}
