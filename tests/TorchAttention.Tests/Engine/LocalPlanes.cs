using System.Numerics;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>Local linear fits, by the engine and by their definition.</summary>
internal sealed class LocalPlanes(PoolingRequest problem)
{
    public double[] Heights { get; private set; } = new double[problem.QueryCount * problem.Columns];

    public double[] Slopes { get; private set; } = new double[problem.QueryCount * problem.Columns * problem.Features];

    public double[] OwnWeight { get; private set; } = new double[problem.QueryCount];

    public double[] EffectiveNeighbours { get; private set; } = new double[problem.QueryCount];

    public double[] InverseBandwidthGradient { get; private set; } = new double[problem.QueryCount * problem.Columns * problem.Features];

    public double[] OwnWeightGradient { get; private set; } = new double[problem.QueryCount * problem.Features];

    /// <summary>How ill-conditioned each fit is: 1 at best.</summary>
    public double[] Condition { get; } = new double[problem.QueryCount];

    public PoolingReport? Report { get; private set; }

    public static LocalPlanes Of<TKernel, T>(PoolingRequest problem, PoolingOptions options)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var planes = new LocalPlanes(problem);
        var heights = new T[planes.Heights.Length];
        var slopes = new T[planes.Slopes.Length];
        var own = new T[planes.OwnWeight.Length];
        var effective = new T[planes.EffectiveNeighbours.Length];
        var gradient = new T[planes.InverseBandwidthGradient.Length];
        var ownGradient = new T[planes.OwnWeightGradient.Length];
        var input = new PoolingInput<T>
        {
            Queries = Array.ConvertAll(problem.Queries, T.CreateTruncating),
            Keys = Array.ConvertAll(problem.Keys, T.CreateTruncating),
            Values = Array.ConvertAll(problem.Values, T.CreateTruncating),
            Bandwidths = problem.Bandwidths,
            SampleWeights = problem.SampleWeights is null ? [] : Array.ConvertAll(problem.SampleWeights, T.CreateTruncating),
            LeftOut = problem.LeftOut,
        };
        planes.Report = KernelPooling.Pool<TKernel, T>(
            input,
            new PoolingOutput<T>
            {
                Values = heights,
                Slopes = slopes,
                OwnWeight = own,
                EffectiveNeighbours = effective,
                InverseBandwidthGradient = gradient,
                OwnWeightGradient = ownGradient,
            },
            options);
        planes.Heights = Array.ConvertAll(heights, double.CreateTruncating);
        planes.Slopes = Array.ConvertAll(slopes, double.CreateTruncating);
        planes.OwnWeight = Array.ConvertAll(own, double.CreateTruncating);
        planes.EffectiveNeighbours = Array.ConvertAll(effective, double.CreateTruncating);
        planes.InverseBandwidthGradient = Array.ConvertAll(gradient, double.CreateTruncating);
        planes.OwnWeightGradient = Array.ConvertAll(ownGradient, double.CreateTruncating);
        return planes;
    }

    /// <summary>Weighted least squares at each query: two passes, the means first.</summary>
    public static LocalPlanes Definition<TKernel>(PoolingRequest problem)
        where TKernel : IKernel
    {
        var planes = new LocalPlanes(problem);
        for (int m = 0; m < problem.QueryCount; m++)
        {
            planes.Define<TKernel>(m);
        }

        return planes;
    }

    private void Define<TKernel>(int m)
        where TKernel : IKernel
    {
        int d = problem.Features;
        int[] near = [.. Enumerable.Range(0, problem.KeyCount).Where(i => problem.LeftOut?[m] != i && Weight<TKernel>(m, i) > 0)];
        double[] weights = [.. near.Select(i => Weight<TKernel>(m, i))];
        double[][] positions = [.. near.Select(i => Enumerable.Range(0, d)
            .Select(j => (problem.Keys[(i * d) + j] - problem.Queries[(m * d) + j]) / problem.Bandwidths[j]).ToArray())];
        double sum = weights.Sum();
        double largest = problem.SampleWeights?.Max() ?? 1;
        Condition[m] = double.PositiveInfinity;
        if (!(sum > 1e-6 * largest))
        {
            return;
        }

        double[] mean = [.. Enumerable.Range(0, d).Select(j => weights.Index().Sum(w => w.Item * positions[w.Index][j]) / sum)];
        double[,] matrix = new double[d, d];
        for (int j = 0; j < d; j++)
        {
            for (int k = 0; k < d; k++)
            {
                matrix[j, k] = weights.Index().Sum(
                    w => w.Item * (positions[w.Index][j] - mean[j]) * (positions[w.Index][k] - mean[k])) / sum;
            }
        }

        (double[,] inverse, double condition) = Inverse(matrix);
        Condition[m] = condition * (1 + mean.Max(Math.Abs)) * (1 + mean.Max(Math.Abs));
        double[] a = [.. Enumerable.Range(0, d).Select(j => -Enumerable.Range(0, d).Sum(k => inverse[j, k] * mean[k]))];
        double[] l = [.. weights.Select((w, i) => w / sum * (1 + Enumerable.Range(0, d).Sum(j => a[j] * (positions[i][j] - mean[j]))))];
        OwnWeight[m] = (1 - Enumerable.Range(0, d).Sum(j => a[j] * mean[j])) / sum;
        EffectiveNeighbours[m] = 1 / l.Sum(l => l * l);
        for (int c = 0; c < problem.Columns; c++)
        {
            double first = problem.Values[c];
            double[] centred = [.. near.Select(i => problem.Values[(i * problem.Columns) + c] - first)];
            Heights[(m * problem.Columns) + c] = first + l.Index().Sum(w => w.Item * centred[w.Index]);
            double[] withValues = [.. Enumerable.Range(0, d).Select(
                j => weights.Index().Sum(w => w.Item * (positions[w.Index][j] - mean[j]) * centred[w.Index]) / sum)];
            for (int j = 0; j < d; j++)
            {
                Slopes[(((m * problem.Columns) + c) * d) + j] = Enumerable.Range(0, d).Sum(
                    k => inverse[j, k] * withValues[k]) / problem.Bandwidths[j];
            }
        }

        // A least-squares fit changes by what its weights change by times what it leaves of each value.
        double[] tilts = [.. positions.Select(p => 1 + Enumerable.Range(0, d).Sum(j => a[j] * (p[j] - mean[j])))];
        for (int j = 0; j < d; j++)
        {
            double[] changes = [.. near.Select(i => ChangeOfWeight<TKernel>(m, i, j))];
            OwnWeightGradient[(m * d) + j] = -changes.Index().Sum(
                change => change.Item * tilts[change.Index] * tilts[change.Index]) / sum / sum;
            for (int c = 0; c < problem.Columns; c++)
            {
                int at = (m * problem.Columns) + c;
                InverseBandwidthGradient[(at * d) + j] = changes.Index().Sum(
                    change => change.Item * tilts[change.Index] * Left(change.Index, at, c)) / sum;
            }
        }

        double Left(int i, int at, int column) => problem.Values[(near[i] * problem.Columns) + column] - Heights[at]
            - Enumerable.Range(0, d).Sum(j => Slopes[(at * d) + j] * problem.Bandwidths[j] * positions[i][j]);
    }

    // By 1/h, as a difference.
    private double ChangeOfWeight<TKernel>(int query, int key, int feature)
        where TKernel : IKernel
    {
        const double Step = 1e-6;
        return (Weight<TKernel>(query, key, feature, Step) - Weight<TKernel>(query, key, feature, -Step)) / (2 * Step)
            * problem.Bandwidths[feature];
    }

    // Narrower in one feature by a step.
    private double Weight<TKernel>(int query, int key, int feature = 0, double step = 0)
        where TKernel : IKernel
    {
        double squares = 0;
        for (int j = 0; j < problem.Features; j++)
        {
            double u = (
                problem.Keys[(key * problem.Features) + j] - problem.Queries[(query * problem.Features) + j]) / problem.Bandwidths[j] * (
                j == feature ? 1 + step : 1);
            squares += u * u;
        }

        return Math.Exp(TKernel.Score(squares)) * (problem.SampleWeights?[key] ?? 1);
    }

    private static (double[,] Inverse, double Size) Inverse(double[,] matrix)
    {
        int d = matrix.GetLength(0);
        double[,] left = (double[,])matrix.Clone();
        double[,] right = new double[d, d];
        for (int j = 0; j < d; j++)
        {
            right[j, j] = 1;
        }

        for (int j = 0; j < d; j++)
        {
            int best = Enumerable.Range(j, d - j).MaxBy(row => Math.Abs(left[row, j]));
            for (int k = 0; k < d; k++)
            {
                (left[j, k], left[best, k]) = (left[best, k], left[j, k]);
                (right[j, k], right[best, k]) = (right[best, k], right[j, k]);
            }

            double pivot = left[j, j];
            for (int k = 0; k < d; k++)
            {
                left[j, k] /= pivot;
                right[j, k] /= pivot;
            }

            for (int row = 0; row < d; row++)
            {
                double factor = row == j ? 0 : left[row, j];
                for (int k = 0; k < d; k++)
                {
                    left[row, k] -= factor * left[j, k];
                    right[row, k] -= factor * right[j, k];
                }
            }
        }

        double size = 1;
        foreach (double entry in right)
        {
            size = Math.Max(size, Math.Abs(entry));
        }

        return (right, double.IsNaN(size) ? double.PositiveInfinity : size);
    }
}
