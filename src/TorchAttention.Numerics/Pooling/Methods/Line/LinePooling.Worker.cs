using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>What a thread does.</content>
internal sealed unsafe partial class LinePooling<TKernel, TLanes, T>
{
    /// <summary>One thread's memory and its part of the work.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly LinePooling<TKernel, TLanes, T> _owner;
        private readonly PoolingProblem<T> _problem;
        private readonly SumLayout _layout;
        private readonly SumLayout _squaresLayout;
        private readonly LineKeys _keys;
        private readonly SortedNumbers _queries;
        private readonly int[]? _places;
        private readonly ILineSums _sums;
        private readonly ILineSums? _squares;
        private readonly Scratch _memory;
        private readonly double* _rows;
        private readonly double* _errors;
        private readonly double* _squareRows;
        private readonly double* _squareErrors;
        private readonly double* _ownPair;
        private readonly double* _buffers;
        private readonly RowFinisher<TKernel, T> _finisher;
        private CarefulPooling<TKernel, TLanes, T>? _careful;

        public Worker(
            LinePooling<TKernel, TLanes, T> owner, LineKeys keys, SortedNumbers queries, int[]? places, ILineSums sums, ILineSums? squares)
        {
            _owner = owner;
            _problem = owner._problem;
            _layout = owner._layout;
            _squaresLayout = owner.SquaresLayout;
            _keys = keys;
            _queries = queries;
            _places = places;
            _sums = sums;
            _squares = squares;
            _finisher = new RowFinisher<TKernel, T>(_problem, owner._writer, owner._leastWeightSum);
            int most = Math.Min(owner._queriesInPart, _problem.QueryCount);
            long numbers = most * (_layout.Length + _squaresLayout.Length + 2L);
            _memory = new Scratch((numbers + _layout.Length + DirectRun<TKernel, TLanes>.BufferLength) * sizeof(double));
            _buffers = _memory.As<double>();
            _rows = _buffers + DirectRun<TKernel, TLanes>.BufferLength;
            _squareRows = _rows + (most * _layout.Length);
            _errors = _squareRows + (most * _squaresLayout.Length);
            _squareErrors = _errors + most;
            _ownPair = _squareErrors + most;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Answer(int first, int count)
        {
            double* queries = _queries.Numbers + first;
            new Span<double>(_rows, count * _layout.Length).Clear();
            _sums.Sum(queries, count, _layout, _rows, _errors);
            if (_squares is not null)
            {
                new Span<double>(_squareRows, count * _squaresLayout.Length).Clear();
                _squares.Sum(queries, count, _squaresLayout, _squareRows, _squareErrors);
            }

            for (int i = 0; i < count; i++)
            {
                double* row = _rows + (i * _layout.Length);
                int query = _queries.Order[first + i];
                if (_squares is not null)
                {
                    AddSquares(row, _squareRows + ((long)i * _squaresLayout.Length));
                }

                var errors = new RowErrors
                {
                    WeightSum = _errors[i],
                    SquaredWeightSum = _squares is null ? 0 : _squareErrors[i],
                    AreInAllSums = true,
                    PlaneGradientFactor = _layout.PlaneGradient >= 0 ? _sums.PlaneGradientError : 0,
                };
                if (!_finisher.TryFinish(query, row, OwnPair(query, queries + i, row), errors))
                {
                    _finisher.Bound(query, AnswerCarefully(query, queries[i]));
                }
            }
        }

        private void AddSquares(double* row, double* squares)
        {
            row[SumLayout.SquaredWeightSum] = squares[SumLayout.WeightSum];
            if (_layout.HasPlanes)
            {
                // Of squares with a position in bandwidths that are a Gaussian's own, narrower by the root of 2.
                double unit = KernelTraits<TKernel>.IsGaussian ? 1 / Math.Sqrt(2) : 1;
                row[_layout.SquaredPlanes] = squares[_squaresLayout.Planes] * unit;
                row[_layout.SquaredPlanes + 1] = squares[_squaresLayout.Planes + 1] * unit * unit;
            }
        }

        public void Dispose()
        {
            _finisher.Dispose();
            _careful?.Dispose();
            _memory.Dispose();
        }

        // The sums of the pair that a query must not see; null where it sees all.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double* OwnPair(int query, double* number, double* row)
        {
            int key = _problem.LeftOut is null ? -1 : _problem.LeftOut[query];
            if (key < 0)
            {
                return null;
            }

            new Span<double>(_ownPair, _layout.Length).Clear();
            int place = _places![key];
            if (_keys.Keys[place] == *number)
            {
                AddWhole(place);
            }
            else
            {
                double scale = TKernel.ArgumentScale / (_owner._bandwidth * _owner._bandwidth);
                DirectRun<TKernel, TLanes>.Add(_keys, place, place + 1, _layout, number, &scale, _buffers, _ownPair);
            }

            // Which keys are in reach was decided by their places, the same for all.
            _ownPair[SumLayout.Boundary] = row[SumLayout.Boundary];
            return _ownPair;
        }

        // Leave-one-out: a key at the query itself has the weight 1, and its position 0 adds to no other sum.
        private void AddWhole(int place)
        {
            double weight = _keys.SampleWeights is null ? 1 : _keys.SampleWeights[place];
            _ownPair[SumLayout.WeightSum] = weight;
            _ownPair[SumLayout.SquaredWeightSum] = _layout.HasSquares ? weight * weight : 0;
            for (int c = 0; c < _keys.Columns; c++)
            {
                _ownPair[SumLayout.Values + c] = _keys.Values[((long)c * _keys.Stride) + place];
            }
        }

        // The keys that matter stand around the nearest one that counts; what lies further out weighs nothing, or so little that the bound
        // returned covers it.
        private double AnswerCarefully(int query, double number)
        {
            _careful ??= new CarefulPooling<TKernel, TLanes, T>(_problem, _owner._writer, new LineTiles(_keys, _places));
            (double key, double sampleWeight) = Nearest(query, number, double.NaN);
            double nearest = Math.Abs(key - number) / _owner._bandwidth;
            if (double.IsNaN(nearest))
            {
                _careful.Answer(query, 0, 0);
                return 0;
            }

            double tolerance = _problem.Options.Tolerance;
            double far = _layout.HasGradient ? 1 + FarGradient + (nearest * nearest) : 1;
            far = _layout.PlaneGradient >= 0 ? far * far : far;
            double reach = KernelTraits<TKernel>.IsBounded
                ? Math.Max(1, nearest)
                : Reach(nearest, Math.E * far * _keys.Count / (tolerance * sampleWeight));
            if (_layout.HasPlanes && !KernelTraits<TKernel>.IsBounded)
            {
                // What weighs most away from the nearest key's place has the say over the plane, however little it weighs.
                (double second, sampleWeight) = Nearest(query, number, key);
                double distance = Math.Abs(second - number) / _owner._bandwidth;
                double apart = (second - key) / _owner._bandwidth * (tolerance / (1 + distance));
                reach = double.IsNaN(second)
                    ? reach
                    : Math.Max(reach, Reach(distance, FarPlane * far * _keys.Count / (apart * apart * sampleWeight)));
            }

            reach *= _owner._bandwidth * (1 + 1e-9);
            int low = Math.Min(_keys.Sorted.FirstNotBelow(number - reach), _keys.Count - 1);
            int high = Math.Max(_keys.Sorted.FirstNotBelow(Math.BitIncrement(number + reach)), low + 1);
            _careful.Answer(query, low / LineTiles.Length, (high + LineTiles.Length - 1) / LineTiles.Length);
            return KernelTraits<TKernel>.IsBounded ? 0 : tolerance / Math.E;
        }

        // How far keys count that weigh more than a part of what one at a distance does.
        private static double Reach(double distance, double part) => Math.Sqrt((distance * distance) + (2 * Math.Log(part)));

        // The nearest key that counts, besides those at a place, and its sample weight; NaN where none counts.
        private (double Key, double SampleWeight) Nearest(int query, double number, double besides)
        {
            int leftOut = _problem.LeftOut is null || _problem.LeftOut[query] < 0 ? -1 : _places![_problem.LeftOut[query]];
            int right = _keys.Sorted.FirstNotBelow(number);
            int left = right - 1;
            while (right < _keys.Count && SampleWeight(right) == 0)
            {
                right++;
            }

            while (left >= 0 && SampleWeight(left) == 0)
            {
                left--;
            }

            double above = right < _keys.Count ? _keys.Keys[right] - number : double.PositiveInfinity;
            double below = left >= 0 ? number - _keys.Keys[left] : double.PositiveInfinity;
            int nearest = above <= below ? right : left;
            return double.IsPositiveInfinity(Math.Min(above, below)) ? (double.NaN, 0) : (_keys.Keys[nearest], SampleWeight(nearest));

            double SampleWeight(int place) =>
                place == leftOut || _keys.Keys[place] == besides ? 0 : _keys.SampleWeights is null ? 1 : _keys.SampleWeights[place];
        }
    }
}
