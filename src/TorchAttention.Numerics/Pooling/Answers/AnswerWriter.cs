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
    private readonly AnswerFrame _frame;
    private readonly T* _queries;
    private readonly Lock _lock = new();
    private readonly List<int> _withoutNeighbour = [];
    private readonly double _logLargestSampleWeight;

    /// <summary>Prepares.</summary>
    /// <param name="frame">The units of the sums.</param>
    /// <param name="queries">The queries (m, d).</param>
    public AnswerWriter(AnswerFrame frame, T* queries)
    {
        _frame = frame;
        _queries = queries;
        _logLargestSampleWeight = Math.Log(frame.LargestSampleWeight);
    }

    /// <summary>Does some work with a writer to outputs, which stay where they are meanwhile.</summary>
    /// <param name="frame">The units of the sums.</param>
    /// <param name="queries">The queries (m, d).</param>
    /// <param name="output">Where the answers go.</param>
    /// <param name="layout">Where the sums stand, if there are more of them than the outputs need.</param>
    /// <param name="work">The work.</param>
    public static PoolingReport To(
        AnswerFrame frame, T* queries, PoolingOutput<T> output, SumLayout? layout, Func<AnswerWriter<TKernel, T>, PoolingReport> work)
    {
        fixed (T* values = output.Values, logWeightSum = output.LogWeightSum, effective = output.EffectiveNeighbours,
            ownWeight = output.OwnWeight, byW = output.InverseBandwidthGradient, byQuery = output.QueryGradient)
        fixed (T* slopes = output.Slopes, logByW = output.LogWeightSumGradient, ownByW = output.OwnWeightGradient)
        fixed (bool* hasNeighbour = output.HasNeighbour, isLevel = output.IsLevel)
        {
            return work(new AnswerWriter<TKernel, T>(frame, queries)
            {
                GivenLayout = layout,
                Values = values,
                LogWeightSum = logWeightSum,
                EffectiveNeighbours = effective,
                HasNeighbour = hasNeighbour,
                OwnWeight = ownWeight,
                Slopes = slopes,
                IsLevel = isLevel,
                InverseBandwidthGradient = byW,
                LogWeightSumGradient = logByW,
                OwnWeightGradient = ownByW,
                QueryGradient = byQuery,
            });
        }
    }

    /// <summary>w of the first feature.</summary>
    public double FirstInverseBandwidth => _frame.InverseBandwidths[0];

    /// <summary>How many queries were computed again with care.</summary>
    public int Recomputed { get; private set; }

    /// <summary>How far an answer may be off.</summary>
    public double ErrorBound { get; private set; }

    public T* Values { get; init; }

    public T* LogWeightSum { get; init; }

    public T* EffectiveNeighbours { get; init; }

    public bool* HasNeighbour { get; init; }

    public T* InverseBandwidthGradient { get; init; }

    public T* LogWeightSumGradient { get; init; }

    public T* OwnWeightGradient { get; init; }

    public T* QueryGradient { get; init; }

    public T* OwnWeight { get; init; }

    public T* Slopes { get; init; }

    public bool* IsLevel { get; init; }

    /// <summary>Where sums go instead, if they are to be merged with others before they are answers; null where not.</summary>
    public QueryRows? Rows { get; init; }

    /// <summary>Where the sums stand, if there are more of them than the outputs need.</summary>
    public SumLayout? GivenLayout { get; init; }

    /// <summary>The sums that the outputs need.</summary>
    public SumLayout Layout => Rows?.Layout ?? GivenLayout ?? NeededLayout;

    /// <summary>The sums that the outputs need by themselves.</summary>
    public SumLayout NeededLayout => new(
        _frame.Features,
        _frame.Columns,
        EffectiveNeighbours is not null,
        InverseBandwidthGradient is not null || LogWeightSumGradient is not null || OwnWeightGradient is not null,
        QueryGradient is not null,
        _frame.Degree == 1);

    /// <summary>Takes note of what a thread did.</summary>
    public void Report(int recomputed, double errorBound)
    {
        lock (_lock)
        {
            Recomputed += recomputed;
            ErrorBound = Math.Max(ErrorBound, errorBound);
        }
    }

    public int[] WithoutNeighbour()
    {
        lock (_lock)
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

        if (Rows is not null)
        {
            TakeRow(query, row, offset, reference);
            return;
        }

        if (points is not null)
        {
            WritePlane(query, points, offset, reference);
        }
        else if (_frame.Degree == 1)
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

        Set(HasNeighbour, query, true);
        for (int j = 0; LogWeightSumGradient is not null && j < _frame.Features; j++)
        {
            LogWeightSumGradient[((long)query * _frame.Features) + j] = T.CreateTruncating(LogGradient(query, row, reference, j));
        }

        if (QueryGradient is not null)
        {
            WriteGradient(query, row, row + Layout.QueryGradient, QueryGradient, divideByW: false);
        }
    }

    /// <summary>Writes the answers of a query that no key has a weight for.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="nearest">The normalised values of the nearest key (v); null for NaN.</param>
    /// <param name="square">Its squared distance, in bandwidths.</param>
    /// <param name="weight">The sum of the sample weights of all keys that are as near.</param>
    public void WriteWithoutNeighbour(int query, double* nearest, double square = double.PositiveInfinity, double weight = 0)
    {
        if (Rows is not null)
        {
            double* place = stackalloc double[_frame.Features];
            Place(query, place);
            Rows.TakeNearest(query, place, nearest, square, weight);
            return;
        }

        lock (_lock)
        {
            _withoutNeighbour.Add(query);
        }

        int columns = _frame.Columns;
        for (int c = 0; c < columns; c++)
        {
            Values[((long)query * columns) + c] =
                nearest is null ? T.NaN : T.CreateTruncating(_frame.Centres[c] + (_frame.HalfRanges[c] * nearest[c]));
        }

        Set(LogWeightSum, query, T.NegativeInfinity);
        Set(EffectiveNeighbours, query, T.Zero);
        Set(OwnWeight, query, T.Zero);
        Set(HasNeighbour, query, false);
        Set(IsLevel, query, false);
        Clear(InverseBandwidthGradient, query, columns * _frame.Features);
        Clear(LogWeightSumGradient, query, _frame.Features);
        Clear(OwnWeightGradient, query, _frame.Features);
        Clear(QueryGradient, query, columns * _frame.Features);
        Clear(Slopes, query, columns * _frame.Features);
    }

    /// <summary>Takes a query's sums about itself, which may be off.</summary>
    public void TakeRow(int query, double* row, in RowErrors errors)
    {
        double* place = stackalloc double[_frame.Features];
        Place(query, place);
        Rows!.Take(query, row, place, errors);
    }

    private static void Set<TNumber>(TNumber* numbers, int query, TNumber number)
        where TNumber : unmanaged
    {
        if (numbers is not null)
        {
            numbers[query] = number;
        }
    }

    private static void Clear(T* numbers, int query, int count)
    {
        if (numbers is not null)
        {
            new Span<T>(numbers + ((long)query * count), count).Clear();
        }
    }

    private void TakeRow(int query, double* row, double offset, double* reference)
    {
        double* place = stackalloc double[_frame.Features];
        Place(query, place);
        Rows!.Take(query, row, offset, reference is null ? place : reference);
    }

    private void Place(int query, double* place)
    {
        for (int j = 0; j < _frame.Features; j++)
        {
            place[j] = double.CreateTruncating(_queries[((long)query * _frame.Features) + j]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteMeans(int query, double* row, double offset, double* reference)
    {
        double sum = row[SumLayout.WeightSum];
        int columns = _frame.Columns;
        for (int c = 0; c < columns; c++)
        {
            double mean = row[SumLayout.Values + c] / sum;
            Values[((long)query * columns) + c] = T.CreateTruncating(_frame.Centres[c] + (_frame.HalfRanges[c] * mean));
        }

        if (OwnWeight is not null)
        {
            OwnWeight[query] = T.CreateTruncating(OwnWeightOf(sum, offset));
        }

        for (int j = 0; OwnWeightGradient is not null && j < _frame.Features; j++)
        {
            OwnWeightGradient[((long)query * _frame.Features) + j] = T.CreateTruncating(
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

    private double OwnWeightOf(double sum, double offset) => Math.Exp(-offset) / sum / _frame.LargestSampleWeight;

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

        double u = (double.CreateTruncating(_queries[((long)query * _frame.Features) + feature]) - reference[feature])
            * _frame.InverseBandwidths[feature];
        return u * u;
    }

    // w = 0 is where every key is at the query, and nothing changes.
    private double PerInverseBandwidth(double gradient, int feature) =>
        _frame.InverseBandwidths[feature] is 0 ? 0 : gradient / _frame.InverseBandwidths[feature];

    // dy/dw = -sum p G (v - y) u^2 / w and dy/dq = -sum p G (v - y) u / h; the sums hold u^2 and u/h times the argument scale.
    private void WriteGradient(int query, double* row, double* sums, T* gradients, bool divideByW)
    {
        int features = _frame.Features;
        int columns = _frame.Columns;
        double* valueSums = sums + features;
        T* gradient = gradients + ((long)query * columns * features);
        double perSum = -1 / (row[SumLayout.WeightSum] * TKernel.ArgumentScale);
        for (int j = 0; j < features; j++)
        {
            double w = _frame.InverseBandwidths[j];
            double factor = w == 0 ? 0 : divideByW ? perSum / w : perSum;
            for (int c = 0; c < columns; c++)
            {
                double mean = row[SumLayout.Values + c] / row[SumLayout.WeightSum];
                double sum = valueSums[(j * columns) + c] - (mean * sums[j]);
                gradient[(c * features) + j] = T.CreateTruncating(factor * _frame.HalfRanges[c] * sum);
            }
        }
    }
}
