using System.Numerics;
using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>Turns a query's sums into what was asked for, in the units of the data.</summary>
/// <typeparam name="TKernel">The kernel.</typeparam>
/// <typeparam name="T">float or double.</typeparam>
internal sealed unsafe partial class AnswerWriter<TKernel, T>
    where TKernel : IKernel
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly PoolingProblem<T> _problem;
    private readonly List<int> _withoutNeighbour = [];
    private readonly double _logLargestSampleWeight;

    public AnswerWriter(PoolingProblem<T> problem)
    {
        _problem = problem;
        _logLargestSampleWeight = Math.Log(problem.Samples.LargestSampleWeight);
        Planes = problem.Kept.Get(
            typeof(PlaneKeys), () => new PlaneKeys(problem.InverseBandwidths, TKernel.ArgumentScale, FindDirections, FindRanges));
    }

    public required T* Values { get; init; }

    public required T* LogWeightSum { get; init; }

    public required T* EffectiveNeighbours { get; init; }

    public required bool* HasNeighbour { get; init; }

    public required T* InverseBandwidthGradient { get; init; }

    public required T* LogWeightSumGradient { get; init; }

    public required T* OwnWeightGradient { get; init; }

    public required T* QueryGradient { get; init; }

    public required T* OwnWeight { get; init; }

    public required T* Slopes { get; init; }

    public required bool* IsLevel { get; init; }

    /// <summary>The sums that the outputs need.</summary>
    public SumLayout Layout => new(
        _problem.Features,
        _problem.Columns,
        EffectiveNeighbours is not null,
        InverseBandwidthGradient is not null || LogWeightSumGradient is not null || OwnWeightGradient is not null,
        QueryGradient is not null,
        _problem.Options.Degree == 1);

    public int[] WithoutNeighbour()
    {
        lock (_withoutNeighbour)
        {
            _withoutNeighbour.Sort();
            return [.. _withoutNeighbour];
        }
    }

    /// <summary>Writes a query's answers from its sums.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="row">Its sums.</param>
    /// <param name="offset">The score that the weights are relative to.</param>
    /// <param name="reference">Where the positions in the sums for a plane count from (d); null for the query.</param>
    /// <param name="points">The plane, where these sums do not determine it well; null where they do.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(int query, double* row, double offset, double* reference = null, PlaneOfPoints? points = null)
    {
        double sum = row[SumLayout.WeightSum];
        if (!(sum > 0))
        {
            WriteWithoutNeighbour(query, null);
            return;
        }

        if (points is not null)
        {
            WritePlane(query, points, offset, reference);
        }
        else if (_problem.Options.Degree == 1)
        {
            WritePlane(query, row, offset, reference);
        }
        else
        {
            WriteMeans(query, row, offset, reference);
        }

        if (LogWeightSum is not null)
        {
            LogWeightSum[query] = T.CreateTruncating(offset + Math.Log(sum) + _logLargestSampleWeight);
        }

        if (HasNeighbour is not null)
        {
            HasNeighbour[query] = true;
        }

        for (int j = 0; LogWeightSumGradient is not null && j < _problem.Features; j++)
        {
            LogWeightSumGradient[((long)query * _problem.Features) + j] = T.CreateTruncating(LogGradient(query, row, reference, j));
        }

        if (QueryGradient is not null)
        {
            WriteGradient(query, row, row + Layout.QueryGradient, QueryGradient, divideByW: false);
        }
    }

    /// <summary>Writes the answers of a query that no key has a weight for.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="nearest">The normalised values of the nearest key (v); null for NaN.</param>
    public void WriteWithoutNeighbour(int query, double* nearest)
    {
        lock (_withoutNeighbour)
        {
            _withoutNeighbour.Add(query);
        }

        int columns = _problem.Columns;
        for (int c = 0; c < columns; c++)
        {
            Values[((long)query * columns) + c] =
                nearest is null ? T.NaN : T.CreateTruncating(_problem.Samples.Centres[c] + (_problem.Samples.HalfRanges[c] * nearest[c]));
        }

        if (LogWeightSum is not null)
        {
            LogWeightSum[query] = T.NegativeInfinity;
        }

        if (EffectiveNeighbours is not null)
        {
            EffectiveNeighbours[query] = T.Zero;
        }

        if (OwnWeight is not null)
        {
            OwnWeight[query] = T.Zero;
        }

        if (HasNeighbour is not null)
        {
            HasNeighbour[query] = false;
        }

        if (IsLevel is not null)
        {
            IsLevel[query] = false;
        }

        int gradients = columns * _problem.Features;
        if (InverseBandwidthGradient is not null)
        {
            new Span<T>(InverseBandwidthGradient + ((long)query * gradients), gradients).Clear();
        }

        if (LogWeightSumGradient is not null)
        {
            new Span<T>(LogWeightSumGradient + ((long)query * _problem.Features), _problem.Features).Clear();
        }

        if (OwnWeightGradient is not null)
        {
            new Span<T>(OwnWeightGradient + ((long)query * _problem.Features), _problem.Features).Clear();
        }

        if (QueryGradient is not null)
        {
            new Span<T>(QueryGradient + ((long)query * gradients), gradients).Clear();
        }

        if (Slopes is not null)
        {
            new Span<T>(Slopes + ((long)query * gradients), gradients).Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteMeans(int query, double* row, double offset, double* reference)
    {
        double sum = row[SumLayout.WeightSum];
        int columns = _problem.Columns;
        for (int c = 0; c < columns; c++)
        {
            double mean = row[SumLayout.Values + c] / sum;
            Values[((long)query * columns) + c] = T.CreateTruncating(_problem.Samples.Centres[c] + (_problem.Samples.HalfRanges[c] * mean));
        }

        if (OwnWeight is not null)
        {
            OwnWeight[query] = T.CreateTruncating(OwnWeightOf(sum, offset));
        }

        for (int j = 0; OwnWeightGradient is not null && j < _problem.Features; j++)
        {
            OwnWeightGradient[((long)query * _problem.Features) + j] = T.CreateTruncating(
                -OwnWeightOf(sum, offset) * LogGradient(query, row, reference, j));
        }

        if (InverseBandwidthGradient is not null)
        {
            WriteGradient(query, row, row + Layout.BandwidthGradient, InverseBandwidthGradient, divideByW: true);
        }

        if (EffectiveNeighbours is not null)
        {
            EffectiveNeighbours[query] = T.CreateTruncating(sum / row[SumLayout.SquaredWeightSum] * sum);
        }
    }

    private double OwnWeightOf(double sum, double offset) => Math.Exp(-offset) / sum / _problem.Samples.LargestSampleWeight;

    // d log S/dw = -sum p G u^2 / w. Far from all keys, the sums hold by how much u^2 is more than the nearest key's, whose part comes on
    // top; G is K there.
    private double LogGradient(int query, double* row, double* reference, int feature)
    {
        double sum = row[Layout.BandwidthGradient + feature];
        return PerInverseBandwidth(
            -(sum / (row[SumLayout.WeightSum] * TKernel.ArgumentScale)) - NearestSquare(query, reference, feature), feature);
    }

    // u^2 of the key that a Gaussian's weights are relative to.
    private double NearestSquare(int query, double* reference, int feature)
    {
        if (reference is null || !KernelTraits<TKernel>.IsGaussian)
        {
            return 0;
        }

        double u = (double.CreateTruncating(_problem.Queries[((long)query * _problem.Features) + feature]) - reference[feature])
            * _problem.InverseBandwidths[feature];
        return u * u;
    }

    // w = 0 is where every key is at the query, and nothing changes.
    private double PerInverseBandwidth(double gradient, int feature) =>
        _problem.InverseBandwidths[feature] is 0 ? 0 : gradient / _problem.InverseBandwidths[feature];

    // dy/dw = -sum p G (v - y) u^2 / w and dy/dq = -sum p G (v - y) u / h; the sums hold u^2 and u/h times the argument scale.
    private void WriteGradient(int query, double* row, double* sums, T* gradients, bool divideByW)
    {
        int features = _problem.Features;
        int columns = _problem.Columns;
        double* valueSums = sums + features;
        T* gradient = gradients + ((long)query * columns * features);
        double perSum = -1 / (row[SumLayout.WeightSum] * TKernel.ArgumentScale);
        for (int j = 0; j < features; j++)
        {
            double w = _problem.InverseBandwidths[j];
            double factor = w == 0 ? 0 : divideByW ? perSum / w : perSum;
            for (int c = 0; c < columns; c++)
            {
                double mean = row[SumLayout.Values + c] / row[SumLayout.WeightSum];
                double sum = valueSums[(j * columns) + c] - (mean * sums[j]);
                gradient[(c * features) + j] = T.CreateTruncating(factor * _problem.Samples.HalfRanges[c] * sum);
            }
        }
    }
}
