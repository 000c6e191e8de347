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

            int recomputed = 0;
            double errorBound = 0;
            for (int i = 0; i < count; i++)
            {
                double* row = _rows + (i * _layout.Length);
                int query = _queries.Order[first + i];
                bool isTrusted = LeaveOut(query, queries + i, row) && !(_layout.HasPlanes && _owner._writer.IsDoubtful(query, row, 0));
                double growth = _layout.HasPlanes ? PlaneFit.Growth(_layout, row) : _layout.HasGradient ? GradientGrowth(row) : 1;
                double beside = Math.Max(row[SumLayout.WeightSum], _problem.MergedWeightSum);
                double bound = 2 * growth * _errors[i] / beside;
                if (_layout.PlaneGradient >= 0)
                {
                    double error = _sums.PlaneGradientError * PlaneFit.ChangeGrowth(_layout, row, TKernel.ArgumentScale)
                        * _errors[i] / beside;
                    bound = Math.Max(bound, 2 * error / PoolingOptions.PlaneGradientTolerance);
                }

                if (_squares is not null)
                {
                    isTrusted &= AddSquares(row, _squareRows + ((long)i * _squaresLayout.Length), growth * _squareErrors[i]);
                }

                if (isTrusted && row[SumLayout.WeightSum] >= _owner._leastWeightSum && bound <= _problem.Options.Tolerance)
                {
                    errorBound = Math.Max(errorBound, bound);
                    _owner._writer.Write(query, row, 0);
                }
                else
                {
                    recomputed++;
                    errorBound = Math.Max(errorBound, AnswerCarefully(query, queries[i]));
                }
            }

            _owner.Report(recomputed, errorBound);
        }

        // How much further than a mean a derivative may be off, in bandwidths: by the mean u^2 of the keys, or their mean u, whatever
        // errors the mean itself has.
        private double GradientGrowth(double* row)
        {
            double unit = 1 / (Math.Abs(TKernel.ArgumentScale) * row[SumLayout.WeightSum]);
            double byBandwidth = _layout.BandwidthGradient < 0 ? 0 : Math.Abs(row[_layout.BandwidthGradient]) * unit;
            double byQuery = _layout.QueryGradient < 0 ? 0 : Math.Abs(row[_layout.QueryGradient]) * _owner._bandwidth * unit;
            return 1 + Math.Max(byBandwidth, byQuery);
        }

        // The sums of squared weights without the query's own pair; false where their error is too large a part of them.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private bool AddSquares(double* row, double* squares, double error)
        {
            double own = _ownPair[SumLayout.SquaredWeightSum];
            row[SumLayout.SquaredWeightSum] = squares[SumLayout.WeightSum] - own;
            if (_layout.HasPlanes)
            {
                // Of squares with a position in bandwidths that are a Gaussian's own, narrower by the root of 2.
                double unit = KernelTraits<TKernel>.IsGaussian ? 1 / Math.Sqrt(2) : 1;
                row[_layout.SquaredPlanes] = (squares[_squaresLayout.Planes] * unit) - _ownPair[_layout.SquaredPlanes];
                row[_layout.SquaredPlanes + 1] = (squares[_squaresLayout.Planes + 1] * unit * unit) - _ownPair[_layout.SquaredPlanes + 1];
            }

            return 2 * error / row[SumLayout.SquaredWeightSum] <= SquaresTolerance * _problem.Options.Tolerance
                && row[SumLayout.SquaredWeightSum] > own / 2;
        }

        public void Dispose()
        {
            _careful?.Dispose();
            _memory.Dispose();
        }

        // Takes the query's own pair away; false where too little would be left of the sum for its digits to be good.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private bool LeaveOut(int query, double* number, double* row)
        {
            new Span<double>(_ownPair, _layout.Length).Clear();
            int key = _problem.LeftOut is null ? -1 : _problem.LeftOut[query];
            if (key < 0)
            {
                return true;
            }

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

            int ownSums = _layout.SquaredPlanes < 0 ? _layout.Length : _layout.SquaredPlanes;
            for (int i = 0; i < ownSums; i++)
            {
                row[i] -= i is SumLayout.SquaredWeightSum or SumLayout.Boundary ? 0 : _ownPair[i];
            }

            return row[SumLayout.WeightSum] > _ownPair[SumLayout.WeightSum] / 2;
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
