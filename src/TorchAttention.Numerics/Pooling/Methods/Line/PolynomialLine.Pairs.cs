using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>Keys at the ends of a window, pair by pair.</content>
internal sealed unsafe partial class PolynomialLine<TKernel, TLanes>
{
    protected override void AddPairs(int first, int end, double* query, double h, double* row, double* buffers)
    {
        if (end - first <= FewKeys)
        {
            AddFewPairs(first, end, *query, row);
            return;
        }

        // Inside its window a kernel that jumps is constant, and no rounding of a distance can take a key out again.
        double scale = _scale;
        if (TKernel.HasJump)
        {
            DirectRun<Constant, TLanes>.Add(Keys, first, end, _layout, query, &scale, buffers, row);
        }
        else
        {
            DirectRun<TKernel, TLanes>.Add(Keys, first, end, _layout, query, &scale, buffers, row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddFewPairs(int first, int end, double query, double* row)
    {
        SumLayout layout = _layout;
        double[] polynomial = _polynomial;
        double* keys = Keys.Keys;
        double perBandwidth = 1 / Bandwidth;
        for (int key = first; key < end; key++)
        {
            double position = (keys[key] - query) * perBandwidth;
            double r = Math.Abs(position);
            double weight = polynomial[^1];
            double derivative = 0;
            for (int k = polynomial.Length - 2; k >= 0; k--)
            {
                derivative = (derivative * r) + weight;
                weight = (weight * r) + polynomial[k];
            }

            double sampled = Keys.SampleWeights is null ? weight : weight * Keys.SampleWeights[key];
            row[SumLayout.WeightSum] += sampled;
            for (int c = 0; c < Keys.Columns; c++)
            {
                row[SumLayout.Values + c] += weight * Keys.Values[((long)c * Keys.Stride) + key];
            }

            if (layout.BandwidthGradient >= 0)
            {
                AddFactor(key, -r * derivative, row + layout.BandwidthGradient);
                if (layout.PlaneGradient >= 0)
                {
                    AddPosition(key, -r * derivative, position, row + layout.PlaneGradient);
                }
            }

            if (layout.QueryGradient >= 0)
            {
                AddFactor(key, Math.Sign(position) * derivative * perBandwidth, row + layout.QueryGradient);
            }

            if (layout.HasPlanes)
            {
                AddPosition(key, weight, position, row + layout.Planes);
            }
        }
    }

    private void AddPosition(int key, double factor, double position, double* sums)
    {
        double part = factor * position;
        double sampled = Keys.SampleWeights is null ? part : part * Keys.SampleWeights[key];
        sums[0] += sampled;
        sums[1] += sampled * position;
        for (int c = 0; c < Keys.Columns; c++)
        {
            sums[2 + c] += part * Keys.Values[((long)c * Keys.Stride) + key];
        }
    }

    private void AddFactor(int key, double factor, double* sums)
    {
        sums[0] += Keys.SampleWeights is null ? factor : factor * Keys.SampleWeights[key];
        for (int c = 0; c < Keys.Columns; c++)
        {
            sums[1 + c] += factor * Keys.Values[((long)c * Keys.Stride) + key];
        }
    }
}
