using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>Picks the loop that fits: in registers where it can be, through buffers where not.</summary>
internal static unsafe class PairLoops<TKernel, TLanes, T>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged
{
    /// <inheritdoc cref="GeneralLoops{TKernel, TLanes, T}.Add"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(in Tile<T> tile, in SumLayout layout, double* query, double* scales, T* buffers, double* row)
    {
        bool isFused = layout.Columns == 1 && layout.Features <= 3 && !layout.HasSquares && layout.QueryGradient < 0 && !layout.HasPlanes;
        if (!isFused)
        {
            GeneralLoops<TKernel, TLanes, T>.Add(tile, layout, query, scales, buffers, row);
        }
        else
        {
            bool hasGradient = layout.BandwidthGradient >= 0;
            switch (layout.Features)
            {
                case 1:
                    FusedLoops<TKernel, OneFeature, TLanes, T>.Add(tile, hasGradient, query, scales, row);
                    break;
                case 2:
                    FusedLoops<TKernel, TwoFeatures, TLanes, T>.Add(tile, hasGradient, query, scales, row);
                    break;
                default:
                    FusedLoops<TKernel, ThreeFeatures, TLanes, T>.Add(tile, hasGradient, query, scales, row);
                    break;
            }
        }
    }
}
