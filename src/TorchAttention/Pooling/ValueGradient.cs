using System.Numerics;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>
/// The gradient of the values: dL/dv_ic = sum_m G_mc K(q_m, k_i) / S_m with S_m the query's sum of weights. That is a pooling of G / S with
/// queries and keys in each other's place, times its own sum of weights.
/// </summary>
/// <remarks>
/// Computed in float64 on copies of the inputs. A query whose sum of weights is small is far from all keys; its weights are taken one by
/// one, relative to the nearest.
/// </remarks>
internal sealed class ValueGradient<TKernel, T>
    where TKernel : IKernel
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Factors 1 / S beyond e^5 would drown those of the other queries in their rounding.
    private const double LeastLogWeightSum = -5;

    private readonly double[] _queries;
    private readonly double[] _keys;
    private readonly double[] _w;
    private readonly int[] _leftOut;
    private readonly double[] _logWeightSum;
    private readonly PoolingOptions _options;
    private readonly bool _hasNearest;

    public ValueGradient(
        ReadOnlySpan<T> queries, ReadOnlySpan<T> keys, double[] w, int[] leftOut, ReadOnlySpan<T> logWeightSum, PoolingOptions options)
    {
        _queries = Widen(queries);
        _keys = Widen(keys);
        _w = w;
        _leftOut = leftOut;
        _logWeightSum = Widen(logWeightSum);
        _hasNearest = options.NoNeighbour == NoNeighbourPolicy.Nearest;
        _options = options with { NoNeighbour = NoNeighbourPolicy.NaN, Method = PoolingMethod.Auto, Tolerance = 1e-12 };
    }

    /// <summary>The gradient of the values (n, v).</summary>
    /// <param name="outputGradient">G (m, v).</param>
    public double[] Run(T[] outputGradient)
    {
        int queries = _logWeightSum.Length;
        int columns = outputGradient.Length / queries;
        int keys = _keys.Length / _w.Length;
        double[] gradient = new double[keys * columns];
        double[] factors = new double[outputGradient.Length];
        for (int m = 0; m < queries; m++)
        {
            Span<double> row = factors.AsSpan(m * columns, columns);
            for (int c = 0; c < columns; c++)
            {
                row[c] = double.CreateTruncating(outputGradient[(m * columns) + c]);
            }

            double logSum = _logWeightSum[m];
            bool isFar = logSum < LeastLogWeightSum;
            if (double.IsNegativeInfinity(logSum))
            {
                AddNearest(m, row, gradient);
            }
            else if (isFar)
            {
                AddFar(m, row, gradient);
            }

            foreach (ref double factor in row)
            {
                factor = isFar ? 0 : factor / Math.Exp(logSum);
                if (!double.IsFinite(factor))
                {
                    // Nothing may be thrown in backward; gradients this large are lost in any form.
                    Array.Fill(gradient, double.NaN);
                    return gradient;
                }
            }

            if (!isFar && _leftOut.Length > 0 && _leftOut[m] >= 0)
            {
                Subtract(m, row, gradient);
            }
        }

        AddNear(factors, columns, gradient);
        return gradient;
    }

    private void AddNear(double[] factors, int columns, double[] gradient)
    {
        int keys = _keys.Length / _w.Length;
        double[] pooled = new double[keys * columns];
        double[] logSums = new double[keys];
        KernelPooling.Pool<TKernel>(
            new PoolingInput<double> { Queries = _keys, Keys = _queries, Values = factors, InverseBandwidths = _w },
            new PoolingOutput<double> { Values = pooled, LogWeightSum = logSums },
            _options);
        for (int i = 0; i < keys; i++)
        {
            double sum = Math.Exp(logSums[i]);
            for (int c = 0; sum > 0 && c < columns; c++)
            {
                gradient[(i * columns) + c] += sum * pooled[(i * columns) + c];
            }
        }
    }

    // The pooling over all pairs holds the pair that the query leaves out.
    private void Subtract(int query, ReadOnlySpan<double> factors, double[] gradient)
    {
        int key = _leftOut[query];
        double weight = Math.Exp(TKernel.Score(SquaredDistance(query, key)));
        for (int c = 0; c < factors.Length; c++)
        {
            gradient[(key * factors.Length) + c] -= weight * factors[c];
        }
    }

    private void AddFar(int query, ReadOnlySpan<double> outputGradient, double[] gradient)
    {
        int keys = _keys.Length / _w.Length;
        double[] scores = new double[keys];
        double best = double.NegativeInfinity;
        for (int i = 0; i < keys; i++)
        {
            bool counts = _leftOut.Length == 0 || _leftOut[query] != i;
            scores[i] = counts ? TKernel.Score(SquaredDistance(query, i)) : double.NegativeInfinity;
            best = Math.Max(best, scores[i]);
        }

        double sum = 0;
        for (int i = 0; i < keys; i++)
        {
            scores[i] = Math.Exp(scores[i] - best);
            sum += scores[i];
        }

        for (int i = 0; i < keys; i++)
        {
            for (int c = 0; scores[i] > 0 && c < outputGradient.Length; c++)
            {
                gradient[(i * outputGradient.Length) + c] += scores[i] / sum * outputGradient[c];
            }
        }
    }

    // The keys that are equally near share the answer of a query without neighbours.
    private void AddNearest(int query, ReadOnlySpan<double> outputGradient, double[] gradient)
    {
        double least = double.PositiveInfinity;
        List<int> nearest = [];
        for (int i = 0; _hasNearest && i < _keys.Length / _w.Length; i++)
        {
            double distance = _leftOut.Length == 0 || _leftOut[query] != i ? SquaredDistance(query, i) : double.PositiveInfinity;
            if (distance < least)
            {
                (least, nearest) = (distance, []);
            }

            if (distance == least && double.IsFinite(distance))
            {
                nearest.Add(i);
            }
        }

        foreach (int key in nearest)
        {
            for (int c = 0; c < outputGradient.Length; c++)
            {
                gradient[(key * outputGradient.Length) + c] += outputGradient[c] / nearest.Count;
            }
        }
    }

    private double SquaredDistance(int query, int key)
    {
        double sum = 0;
        for (int j = 0; j < _w.Length; j++)
        {
            double u = (_queries[(query * _w.Length) + j] - _keys[(key * _w.Length) + j]) * _w[j];
            sum += u * u;
        }

        return sum;
    }

    private static double[] Widen(ReadOnlySpan<T> numbers)
    {
        double[] wide = new double[numbers.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = double.CreateTruncating(numbers[i]);
        }

        return wide;
    }
}
