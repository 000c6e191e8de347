using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// One query at a time in float64, in two passes: the nearest key first, then all weights relative to it. A query any number of bandwidths
/// away gets what its nearest keys say.
/// </summary>
/// <remarks>
/// The Gaussian's scores are taken relative to the nearest key b without subtracting large numbers from each other:
/// |u_i|^2 - |u_b|^2 = sum_j (u_ij - u_bj)(u_ij + u_bj), where u_ij - u_bj = (k_b - k_i)_j / h_j is the distance of two keys.
/// </remarks>
internal sealed unsafe partial class CarefulPooling<TKernel, TLanes, T> : IDisposable
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Of so many bandwidths, float64 squares to one that holds no part of a bandwidth any more; of more than 1e154 to none. Distances that
    // large are taken in this unit, where bandwidths are given: of inverse ones, which are learned, none hides that they diverged.
    private const double RoundedSquare = 1e12;
    private const double Huge = 1e-200;

    private readonly PoolingProblem<T> _problem;
    private readonly AnswerWriter<TKernel, T> _writer;
    private readonly IKeyTiles _tiles;
    private readonly SumLayout _layout;
    private readonly Scratch _memory;
    private readonly double* _row;
    private readonly double* _query;
    private readonly double* _nearestKey;
    private readonly double* _scales;
    private readonly double* _buffers;
    private readonly PlaneOfPoints? _points;
    private double _unit = 1;
    private double _nearestSquare;

    public CarefulPooling(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer, IKeyTiles tiles)
    {
        _problem = problem;
        _writer = writer;
        _tiles = tiles;
        _layout = writer.Layout;
        int features = problem.Features;
        int widest = 64 / sizeof(double);
        long buffers = (long)GeneralLoops<TKernel, TLanes, double>.Buffers * tiles.Capacity;
        _memory = new Scratch(sizeof(double) * (_layout.Length + (3L * features) + widest + buffers));
        _buffers = _memory.As<double>();
        _row = _buffers + buffers;
        _query = _row + _layout.Length;
        _nearestKey = _query + features;
        _scales = _nearestKey + features;
        problem.Scales(TKernel.ArgumentScale).CopyTo(new Span<double>(_scales, features));
        _points = _layout.HasPlanes
            ? new PlaneOfPoints(features, problem.Columns, TKernel.ArgumentScale, KernelTraits<TKernel>.IsGaussian)
            : null;
    }

    private int Features => _problem.Features;

    private bool IsFar => _nearestSquare > RoundedSquare || _unit != 1;

    /// <summary>Computes and writes a query's answers from all keys.</summary>
    /// <param name="query">Which query.</param>
    public void AnswerFromAll(int query) => Answer(query, 0, _tiles.Count);

    /// <summary>Computes and writes a query's answers.</summary>
    /// <param name="query">Which query.</param>
    /// <param name="firstTile">The first tile to look at.</param>
    /// <param name="endTile">The tile after the last.</param>
    /// <param name="elsewhere">What the keys of other tiles weigh at most, times their squared distance in bandwidths, beside the nearest
    /// key; 0 where none counts.</param>
    /// <returns>False, with nothing written, where these other keys could change a plane.</returns>
    public bool Answer(int query, int firstTile, int endTile, double elsewhere = 0)
    {
        _problem.Read(query, _query);
        int leftOut = _problem.LeftOutOf(query);
        double offset = 0;
        double nearest = 0;
        double* reference = KernelTraits<TKernel>.IsGaussian || _layout.HasPlanes ? _nearestKey : null;
        if (reference is not null)
        {
            if (!TryFindNearest(leftOut, firstTile, endTile, out nearest))
            {
                _writer.WriteWithoutNeighbour(query, null);
                return true;
            }

            offset = KernelTraits<TKernel>.IsGaussian ? TKernel.Score(nearest) : 0;
        }

        new Span<double>(_row, _layout.Length).Clear();
        for (int index = firstTile; index < endTile; index++)
        {
            _problem.CancellationToken.ThrowIfCancellationRequested();
            Tile<double> tile = _tiles.Get(index);
            FillArguments(tile, index, leftOut);
            GeneralLoops<TKernel, TLanes, double>.AddArguments(
                tile, _layout, _query, reference, _scales, _buffers, _row);
            if (KernelTraits<TKernel>.IsConstant)
            {
                Subtract(leftOut, index, tile);
            }
        }

        if (!(_row[SumLayout.WeightSum] > 0) && KernelTraits<TKernel>.IsBounded
            && _problem.Options.NoNeighbour == NoNeighbourPolicy.Nearest)
        {
            AnswerNearest(query, leftOut, firstTile, endTile);
            return true;
        }

        if (_writer.Rows is not null)
        {
            _writer.Rows.Elsewhere[query] = elsewhere;
        }

        // What is merged with other sums is judged then.
        bool isDoubtful = _layout.HasPlanes && _writer.Rows is null && _row[SumLayout.WeightSum] > 0
            && _writer.IsDoubtful(_row, elsewhere / _problem.Options.Tolerance);
        if (isDoubtful && !FitPoints(leftOut, firstTile, endTile, nearest, elsewhere))
        {
            return false;
        }

        _writer.Write(query, _row, offset, reference, isDoubtful ? _points : null);
        return true;
    }

    public void Dispose()
    {
        _memory.Dispose();
        _tiles.Dispose();
    }

    private void FillArguments(in Tile<double> tile, int index, int leftOut)
    {
        if (KernelTraits<TKernel>.IsGaussian)
        {
            FillRelativeArguments(tile);
        }
        else
        {
            FillSquaredDistances(tile, 1);
            ScaleArguments(tile.Count);
        }

        if (_layout.HasPlanes && KernelTraits<TKernel>.IsBounded && !TKernel.HasJump)
        {
            DropEnd(tile.Count);
        }

        Exclude(leftOut, index, tile.Count, TKernel.ArgumentScale > 0 ? double.PositiveInfinity : double.NegativeInfinity);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool IsAnyBelow(double bound, int count)
    {
        TLanes below = TLanes.All(0);
        TLanes one = TLanes.All(1);
        TLanes limit = TLanes.All(bound);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            below += TLanes.WhereLess(TLanes.Load(_buffers + i), limit, one).KeepFirst(count - i);
        }

        return below.Sum() > 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FillSquaredDistances(in Tile<double> tile, double unit)
    {
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes sum = TLanes.All(0);
            for (int j = 0; j < Features; j++)
            {
                TLanes difference = TLanes.All(_query[j]) - TLanes.Load(tile.Keys + ((long)j * tile.Stride) + i);
                TLanes u = _problem.Bandwidths is null
                    ? difference * TLanes.All(_problem.InverseBandwidths[j])
                    : difference / TLanes.All(_problem.Bandwidths[j]);
                u *= TLanes.All(unit);
                sum += u * u;
            }

            sum.Store(_buffers + i);
        }
    }

    private void ScaleArguments(int count)
    {
        for (int i = 0; TKernel.ArgumentScale != 1 && i < count; i++)
        {
            _buffers[i] *= TKernel.ArgumentScale;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FillRelativeArguments(in Tile<double> tile)
    {
        TLanes zero = TLanes.All(0);
        for (int i = 0; i < tile.Count; i += TLanes.Count)
        {
            TLanes sum = zero;
            for (int j = 0; j < Features; j++)
            {
                TLanes key = TLanes.Load(tile.Keys + ((long)j * tile.Stride) + i);
                TLanes nearest = TLanes.All(_nearestKey[j]);
                TLanes query = TLanes.All(_query[j]);
                sum += (nearest - key) * (query - key + (query - nearest)) * TLanes.All(_scales[j]);
            }

            TLanes.Min(sum, zero).Store(_buffers + i);
        }
    }

    private void Exclude(int leftOut, int index, int count, double argument)
    {
        if (leftOut >= 0 && _tiles.PlaceOf(leftOut, index) is int place && place >= 0 && place < count)
        {
            _buffers[place] = argument;
        }
    }

    // A kernel that is the same everywhere gives even an infinitely distant key its weight.
    private void Subtract(int leftOut, int index, in Tile<double> tile)
    {
        if (leftOut >= 0 && _tiles.PlaceOf(leftOut, index) is int place && place >= 0 && place < tile.Count)
        {
            double weight = tile.SampleWeights is null ? 1 : tile.SampleWeights[place];
            _row[SumLayout.WeightSum] -= weight;
            _row[SumLayout.SquaredWeightSum] -= weight * weight;
            for (int c = 0; c < _problem.Columns; c++)
            {
                _row[SumLayout.Values + c] -= tile.Values[((long)c * tile.Stride) + place];
            }

            if (_layout.HasPlanes)
            {
                SubtractPosition(tile, place, weight);
            }
        }
    }
}
