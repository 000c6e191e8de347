using System.Collections.Concurrent;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// The sums of queries whose bandwidths reach a share of the keys: neighbouring queries whose bandwidths have the same power of 2 take them
/// from windows over cells of that, which are made when the first such query comes.
/// </summary>
internal sealed unsafe class NearestWindows<TKernel, TLanes>(LocalPolynomials owner, LineKeys keys, int nearest, PolynomialLayout layout)
    : IRowSums
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    // Sums over all keys cost as much as this part of them pair by pair.
    private const int PartOfKeys = 4;

    private readonly ConcurrentDictionary<int, Lazy<PolynomialWindows<TKernel, TLanes>>> _windows = new();

    public void Sum(double* queries, int count, double* rows, double* errors)
    {
        double[] widths = new double[count];
        for (int i = 0; i < count; i++)
        {
            widths[i] = owner.WidthAt(new ReadOnlySpan<double>(queries + i, 1), 0);
        }

        fixed (double* h = widths)
        {
            for (int first = 0, end = 0; first < count; first = end)
            {
                int power = Math.ILogB(h[first]);
                while (end < count && Math.ILogB(h[end]) == power)
                {
                    end++;
                }

                Sum(power, queries + first, h + first, end - first, rows + ((long)first * layout.Length), errors + first);
            }
        }
    }

    // Where pairs are as good no sum is known.
    private void Sum(int power, double* queries, double* widths, int count, double* rows, double* errors)
    {
        double bandwidth = Math.ScaleB(1, power);
        double largest = Math.Max(owner.Samples.LargestKey, Math.Max(-queries[0], queries[count - 1]));
        if ((long)count * nearest * PartOfKeys < keys.Count || !LineCells.CanHold(LineCells.WidthFor(bandwidth), largest))
        {
            new Span<double>(errors, count).Fill(double.PositiveInfinity);
            return;
        }

        _windows.GetOrAdd(power, _ => new(() => new(keys, bandwidth, layout, new Work(1, null, CancellationToken.None))))
            .Value.Sum(queries, widths, count, rows, errors);
    }

    public void Dispose()
    {
        foreach (Lazy<PolynomialWindows<TKernel, TLanes>> windows in _windows.Values)
        {
            windows.Value.Dispose();
        }
    }
}
