using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>Adds a query's sums over some keys to those over others, each in its own units and about its own place.</summary>
/// <remarks>
/// Of weights relative to another score each sum is a multiple. Of positions from another place, p' = p + delta: sum w p'_j = sum w p_j +
/// delta_j sum w, and so on. Of values in other units, v' = shift + ratio v: sum w v' = shift sum w + ratio sum w v.
/// </remarks>
/// <param name="layout">Where sums stand in a row.</param>
/// <param name="argumentScale">The kernel's argument scale.</param>
/// <param name="isRelative">Whether what changes with bandwidths and queries is relative to the reference: a Gaussian's.</param>
/// <param name="inverseBandwidths">w = 1/h (d).</param>
internal readonly ref struct RowMerge(SumLayout layout, double argumentScale, bool isRelative, double[] inverseBandwidths)
{
    private readonly SumLayout _layout = layout;

    /// <summary>Brings values into other units.</summary>
    /// <param name="row">The sums.</param>
    /// <param name="shift">What is added to each value (v).</param>
    /// <param name="ratio">What it is multiplied by before (v).</param>
    public void Revalue(Span<double> row, ReadOnlySpan<double> shift, ReadOnlySpan<double> ratio)
    {
        Revalue(row, SumLayout.WeightSum, 1, SumLayout.Values, shift, ratio);
        foreach (int gradient in (ReadOnlySpan<int>)[_layout.BandwidthGradient, _layout.QueryGradient])
        {
            if (gradient >= 0)
            {
                Revalue(row, gradient, _layout.Features, gradient + _layout.Features, shift, ratio);
            }
        }

        for (int i = -1; _layout.HasPlanes && i < (_layout.PlaneGradient >= 0 ? _layout.Features : 0); i++)
        {
            int sums = i < 0 ? _layout.Planes : _layout.PlaneGradient + (i * _layout.PlaneLength);
            Revalue(row, sums, _layout.Features, sums + _layout.Features + _layout.Products, shift, ratio);
        }
    }

    /// <summary>Brings the sums of a query to another reference.</summary>
    /// <param name="row">The sums.</param>
    /// <param name="query">The query (d).</param>
    /// <param name="from">Where they count from (d).</param>
    /// <param name="to">Where they are to count from (d).</param>
    public void Move(Span<double> row, ReadOnlySpan<double> query, ReadOnlySpan<double> from, ReadOnlySpan<double> to)
    {
        Span<double> steps = stackalloc double[_layout.Features];
        for (int j = 0; j < steps.Length; j++)
        {
            steps[j] = (from[j] - to[j]) * Math.Abs(inverseBandwidths[j]);
            double scale = inverseBandwidths[j] * inverseBandwidths[j] * argumentScale;
            double ofQuery = (to[j] - from[j]) * scale;
            double ofBandwidth = ofQuery * (query[j] - from[j] + (query[j] - to[j]));
            if (isRelative && _layout.PlaneGradient >= 0)
            {
                Add(row, _layout.PlaneGradient + (j * _layout.PlaneLength), _layout.Planes, _layout.PlaneLength, ofBandwidth);
            }

            if (isRelative && _layout.BandwidthGradient >= 0)
            {
                AddMeans(row, _layout.BandwidthGradient, j, ofBandwidth);
            }

            if (isRelative && _layout.QueryGradient >= 0)
            {
                AddMeans(row, _layout.QueryGradient, j, ofQuery);
            }
        }

        if (_layout.HasPlanes)
        {
            MovePositions(row, _layout.Planes, SumLayout.WeightSum, SumLayout.Values, _layout.Columns, steps);
        }

        if (_layout.SquaredPlanes >= 0)
        {
            MovePositions(row, _layout.SquaredPlanes, SumLayout.SquaredWeightSum, 0, 0, steps);
        }

        for (int i = 0; _layout.PlaneGradient >= 0 && i < _layout.Features; i++)
        {
            int changes = _layout.BandwidthGradient + i;
            int withValues = _layout.BandwidthGradient + _layout.Features + (i * _layout.Columns);
            MovePositions(row, _layout.PlaneGradient + (i * _layout.PlaneLength), changes, withValues, _layout.Columns, steps);
        }
    }

    /// <summary>Adds some sums times a factor to others; those of squared weights times its square.</summary>
    public void AddTo(Span<double> row, ReadOnlySpan<double> other, double factor)
    {
        for (int i = 0; i < row.Length; i++)
        {
            row[i] += other[i] * (_layout.IsOfSquares(i) ? factor * factor : i == SumLayout.Boundary ? 1 : factor);
        }
    }

    private void Revalue(
        Span<double> row, int weights, int count, int withValues, ReadOnlySpan<double> shift, ReadOnlySpan<double> ratio)
    {
        for (int i = 0; i < count; i++)
        {
            for (int c = 0; c < _layout.Columns; c++)
            {
                ref double sum = ref row[withValues + (i * _layout.Columns) + c];
                sum = (shift[c] * row[weights + i]) + (ratio[c] * sum);
            }
        }
    }

    private static void Add(Span<double> row, int to, int from, int count, double factor)
    {
        for (int i = 0; i < count; i++)
        {
            row[to + i] += factor * row[from + i];
        }
    }

    private void AddMeans(Span<double> row, int gradient, int feature, double factor)
    {
        Add(row, gradient + feature, SumLayout.WeightSum, 1, factor);
        Add(row, gradient + _layout.Features + (feature * _layout.Columns), SumLayout.Values, _layout.Columns, factor);
    }

    private void MovePositions(Span<double> row, int sums, int weight, int withValue, int columns, ReadOnlySpan<double> steps)
    {
        int product = sums + _layout.Features;
        int values = product + _layout.Products;
        for (int j = 0; j < steps.Length; j++)
        {
            for (int k = 0; k <= j; k++)
            {
                row[product++] += (steps[j] * row[sums + k]) + (steps[k] * row[sums + j]) + (steps[j] * steps[k] * row[weight]);
            }

            for (int c = 0; c < columns; c++)
            {
                row[values++] += steps[j] * row[withValue + c];
            }
        }

        for (int j = 0; j < steps.Length; j++)
        {
            row[sums + j] += steps[j] * row[weight];
        }
    }
}
