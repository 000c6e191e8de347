using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// The sums of queries whose bandwidths reach a share of the keys: neighbouring queries whose bandwidths have the same power of 2 take them
/// from windows over cells of that.
/// </summary>
internal sealed unsafe class NearestSums<TKernel, TLanes>(
    LocalPolynomials owner, NearestWindows<TKernel, TLanes> windows, int nearest, PolynomialLayout layout) : IRowSums
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    // Sums over all keys cost as much as this part of them pair by pair.
    private const int PartOfKeys = 4;

    public void Sum(double* queries, int count, double* rows, double* errors)
    {
        double[] widths = new double[count];
        owner.WidthsAt(new ReadOnlySpan<double>(queries, count), widths);
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
        double largest = Math.Max(owner.Samples.LargestKey, Math.Max(-queries[0], queries[count - 1]));
        if ((long)count * nearest * PartOfKeys < owner.Samples.Count
            || !LineCells.CanHold(LineCells.WidthFor(Math.ScaleB(1, power)), largest))
        {
            new Span<double>(errors, count).Fill(double.PositiveInfinity);
            return;
        }

        windows.Of(power).Sum(queries, widths, count, rows, errors);
    }

    public void Dispose()
    {
        // The windows stay with the keys.
    }
}
