namespace TorchAttention.Numerics.Pooling.Answers;

/// <content>Planes.</content>
internal sealed unsafe partial class CarefulPooling<TKernel, TLanes, T>
{
    // Squared distances are known to some units in the last place.
    private const double EndOfSupport = 1 - 1e-13;

    // Weights down to e^-this of the nearest key's at first, then ever less, until the directions that they leave open cannot be told from
    // none.
    private const double FirstDepth = 80;
    private const double Deeper = 4;

    // e^-this is beyond the last digit.
    private const double BeyondDigits = 40;

    // A plane may hang on a key of any weight: where the distance's rounding decides whether there is one, there is none.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DropEnd(int count)
    {
        TLanes end = TLanes.All(EndOfSupport);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            TLanes argument = TLanes.Load(_buffers + i);
            (argument + TLanes.WhereLess(end, argument, TLanes.All(1))).Store(_buffers + i);
        }
    }

    // Fits the plane by the keys themselves; false where those of other tiles could change it.
    private bool FitPoints(int leftOut, int firstTile, int endTile, double nearest, double elsewhere)
    {
        PlaneDirections directions = _points!.Directions;
        double depth = KernelTraits<TKernel>.IsGaussian ? FirstDepth : double.PositiveInfinity;
        while (true)
        {
            double next = Gather(leftOut, firstTile, endTile, depth);
            directions.Find();
            bool isWhole = directions.Rank == _problem.Features - _writer.Planes.OpenCount;

            // What was left out is no nearer than where the depth ends, and counts no more than one there each: r^2 exp(-r^2 / 2) falls.
            double beyond = Math.Log(4 * (nearest + (2 * depth)) * _problem.KeyCount) - depth;
            if (double.IsPositiveInfinity(next) || (isWhole && beyond + BeyondDigits <= directions.LeastExponent))
            {
                if (elsewhere > 0 && !(isWhole && directions.LeastExponent >= Math.Log(elsewhere / _problem.Options.Tolerance)))
                {
                    return false;
                }

                break;
            }

            depth = Math.Max(Deeper * depth, next + FirstDepth);
        }

        Span<double> position = stackalloc double[_problem.Features];
        int counted = 0;
        for (int j = 0; j < position.Length; j++)
        {
            position[j] = (_query[j] - _nearestKey[j]) * Unit(j);
            counted += _writer.Planes.Counts(j) ? 1 : 0;
        }

        _points.Solve(position, counted);
        return true;
    }

    // Takes the keys that weigh more than e^-depth of the nearest, those of one place that follow each other as one, and returns the depth
    // of the next; infinity for none.
    private double Gather(int leftOut, int firstTile, int endTile, double depth)
    {
        double least = 2 * TKernel.ArgumentScale * depth;
        double next = double.PositiveInfinity;
        _points!.Directions.Clear();
        for (int index = firstTile; index < endTile; index++)
        {
            _problem.CancellationToken.ThrowIfCancellationRequested();
            Tile<double> tile = _tiles.Get(index);
            FillArguments(tile, index, leftOut);
            int excluded = KernelTraits<TKernel>.IsConstant && leftOut >= 0 ? _tiles.PlaceOf(leftOut, index) : -1;
            int end;
            for (int i = 0; i < tile.Count; i = end)
            {
                end = i + 1;
                double argument = _buffers[i];
                if (KernelTraits<TKernel>.IsGaussian
                    ? !(argument > least)
                    : i == excluded || (KernelTraits<TKernel>.IsBounded && argument >= 1))
                {
                    next = KernelTraits<TKernel>.IsGaussian ? Math.Min(next, argument / (2 * TKernel.ArgumentScale)) : next;
                    continue;
                }

                while (end < tile.Count && end != excluded && _buffers[end] == argument && IsSamePlace(tile, i, end))
                {
                    end++;
                }

                AddPoint(tile, i, end);
            }
        }

        return next;
    }

    private bool IsSamePlace(in Tile<double> tile, int first, int second)
    {
        bool isSame = true;
        for (int j = 0; j < _problem.Features; j++)
        {
            double* keys = tile.Keys + ((long)j * tile.Stride);
            isSame &= keys[first] == keys[second];
        }

        return isSame;
    }

    // Some keys at one place.
    private void AddPoint(in Tile<double> tile, int first, int end)
    {
        (double weight, double squares) = (0, 0);
        for (int i = first; i < end; i++)
        {
            double sampleWeight = tile.SampleWeights is null ? 1 : tile.SampleWeights[i];
            weight += sampleWeight;
            squares += sampleWeight * sampleWeight;
        }

        if (weight == 0)
        {
            return;
        }

        Span<double> position = stackalloc double[_problem.Features];
        for (int j = 0; j < position.Length; j++)
        {
            position[j] = Position(tile, j, first);
        }

        TakeOpenOff(position);
        Span<double> values = stackalloc double[_problem.Columns];
        for (int c = 0; c < values.Length; c++)
        {
            for (int i = first; i < end; i++)
            {
                values[c] += tile.Values[((long)c * tile.Stride) + i] / weight;
            }
        }

        double score = TKernel.Score(_buffers[first] / TKernel.ArgumentScale);
        double change = _layout.PlaneGradient >= 0 ? PartialChange(_buffers[first], score) : 0;
        _points!.Add(score + Math.Log(weight), change, squares / weight / weight, position, values);
    }

    // What all keys leave open is open to each query's, as if not for rounding.
    private void TakeOpenOff(Span<double> position)
    {
        if (!_writer.Planes.AreOpen)
        {
            return;
        }

        Span<double> whole = stackalloc double[position.Length];
        position.CopyTo(whole);
        for (int j = 0; j < position.Length; j++)
        {
            for (int k = 0; k < whole.Length; k++)
            {
                position[j] -= _writer.Planes.Open(j, k) * whole[k];
            }
        }
    }

    // G / K.
    private static double PartialChange(double argument, double score)
    {
        if (KernelTraits<TKernel>.IsGaussian)
        {
            return 1;
        }

        double* slope = stackalloc double[TLanes.Count];
        double weight = Math.Exp(score);
        TKernel.Slope<TLanes, double>(TLanes.All(argument), TLanes.All(weight)).Store(slope);
        return *slope / weight;
    }

    private void SubtractPosition(in Tile<double> tile, int place, double weight)
    {
        double* products = _row + _layout.Planes + _layout.Features;
        double* withValues = products + _layout.Products;
        double* squares = _row + _layout.SquaredPlanes;
        double* squaredProducts = squares + _layout.Features;
        for (int j = 0; j < _layout.Features; j++)
        {
            double position = Position(tile, j, place);
            _row[_layout.Planes + j] -= weight * position;
            for (int k = 0; k <= j; k++)
            {
                double product = position * Position(tile, k, place);
                *products++ -= weight * product;
                if (_layout.SquaredPlanes >= 0)
                {
                    *squaredProducts++ -= weight * weight * product;
                }
            }

            for (int c = 0; c < _layout.Columns; c++)
            {
                *withValues++ -= tile.Values[((long)c * tile.Stride) + place] * position;
            }

            if (_layout.SquaredPlanes >= 0)
            {
                squares[j] -= weight * weight * position;
            }
        }
    }

    private double Position(in Tile<double> tile, int feature, int place) =>
        (tile.Keys[((long)feature * tile.Stride) + place] - _nearestKey[feature]) * Unit(feature);

    private double Unit(int feature) => Math.Abs(_problem.InverseBandwidths[feature]);
}
