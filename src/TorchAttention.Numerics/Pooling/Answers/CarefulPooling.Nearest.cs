using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Answers;

/// <content>The nearest key, at any distance.</content>
internal sealed unsafe partial class CarefulPooling<TKernel, TLanes, T>
{
    // Finds the nearest key of those that count, keeps its place, and says its squared scaled distance; false where none counts.
    private bool TryFindNearest(int leftOut, int firstTile, int endTile, out double nearest)
    {
        _unit = 1;
        bool isFound = LookForNearest(leftOut, firstTile, endTile);
        if (!isFound && _problem.Bandwidths is not null)
        {
            _unit = Huge;
            isFound = LookForNearest(leftOut, firstTile, endTile);
        }

        // Squares take the least differences of such distances for rounding; these are told apart by the places of the keys. A pass is not
        // undone by the next, and finds nothing more than a rounding's worth again.
        for (int pass = 0; pass < Features && isFound && IsFar; pass++)
        {
            LookForNearer(leftOut, firstTile, endTile);
        }

        nearest = _nearestSquare / _unit / _unit;
        return isFound;
    }

    private bool LookForNearest(int leftOut, int firstTile, int endTile)
    {
        _nearestSquare = double.PositiveInfinity;
        for (int index = firstTile; index < endTile; index++)
        {
            Tile<double> tile = _tiles.Get(index);
            FillSquaredDistances(tile, _unit);
            Exclude(leftOut, index, tile.Count, double.PositiveInfinity);
            if (!IsAnyBelow(_nearestSquare, tile.Count))
            {
                continue;
            }

            for (int i = 0; i < tile.Count; i++)
            {
                if (_buffers[i] < _nearestSquare && (tile.SampleWeights is null || tile.SampleWeights[i] > 0))
                {
                    _nearestSquare = _buffers[i];
                    KeepNearest(tile, i);
                }
            }
        }

        return !double.IsPositiveInfinity(_nearestSquare);
    }

    private void LookForNearer(int leftOut, int firstTile, int endTile)
    {
        for (int index = firstTile; index < endTile; index++)
        {
            Tile<double> tile = _tiles.Get(index);
            int excluded = leftOut >= 0 ? _tiles.PlaceOf(leftOut, index) : -1;
            for (int i = 0; i < tile.Count; i++)
            {
                if (FartherThanNearest(tile, i) < 0 && i != excluded && (tile.SampleWeights is null || tile.SampleWeights[i] > 0))
                {
                    KeepNearest(tile, i);
                }
            }
        }
    }

    // By how much a key's squared distance is more than the nearest's, in _unit: as FillRelativeArguments has it.
    private double FartherThanNearest(in Tile<double> tile, int place)
    {
        double difference = 0;
        for (int j = 0; j < Features; j++)
        {
            double key = tile.Keys[((long)j * tile.Stride) + place];
            double w = _problem.InverseBandwidths[j] * _unit;
            difference += (_nearestKey[j] - key) * w * ((_query[j] - key + (_query[j] - _nearestKey[j])) * w);
        }

        return difference;
    }

    private void KeepNearest(in Tile<double> tile, int place)
    {
        for (int j = 0; j < Features; j++)
        {
            _nearestKey[j] = tile.Keys[((long)j * tile.Stride) + place];
        }
    }

    private void AnswerNearest(int query, int leftOut, int firstTile, int endTile)
    {
        double weight = 0;
        bool isFound = TryFindNearest(leftOut, firstTile, endTile, out double nearest);
        double* means = _row + SumLayout.Values;
        new Span<double>(means, _problem.Columns).Clear();
        for (int index = firstTile; index < endTile; index++)
        {
            Tile<double> tile = _tiles.Get(index);
            FillSquaredDistances(tile, _unit);
            Exclude(leftOut, index, tile.Count, double.PositiveInfinity);
            for (int i = 0; i < tile.Count; i++)
            {
                if (!isFound || double.IsPositiveInfinity(_buffers[i])
                    || (IsFar ? FartherThanNearest(tile, i) != 0 : _buffers[i] != _nearestSquare))
                {
                    continue;
                }

                weight += tile.SampleWeights is null ? 1 : tile.SampleWeights[i];
                for (int c = 0; c < _problem.Columns; c++)
                {
                    means[c] += tile.Values[((long)c * tile.Stride) + i];
                }
            }
        }

        for (int c = 0; c < _problem.Columns; c++)
        {
            means[c] /= weight;
        }

        _writer.WriteWithoutNeighbour(query, weight > 0 ? means : null, nearest, weight);
    }
}
