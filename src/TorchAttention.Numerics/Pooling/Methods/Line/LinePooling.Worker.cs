using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>What a thread does.</content>
internal sealed unsafe partial class LinePooling<TKernel, TLanes, T>
{
    private sealed class Worker : PoolingPass<TKernel, TLanes, TLanes, double, T>
    {
        private readonly LinePooling<TKernel, TLanes, T> _owner;
        private readonly SumLayout _squaresLayout;
        private readonly LineKeys _keys;
        private readonly SortedNumbers _queries;
        private readonly int[]? _places;
        private readonly ILineSums _sums;
        private readonly ILineSums? _squares;
        private readonly double* _errors;
        private readonly double* _squareRows;
        private readonly double* _squareErrors;

        public Worker(
            LinePooling<TKernel, TLanes, T> owner, LineKeys keys, SortedNumbers queries, int[]? places, ILineSums sums, ILineSums? squares)
            : base(
                owner._problem, owner._writer, [TKernel.ArgumentScale / (owner._bandwidth * owner._bandwidth)], mostKeys: WidestTile,
                owner.MostInPass * (owner._layout.Length + owner.SquaresLayout.Length + 2L))
        {
            _owner = owner;
            _squaresLayout = owner.SquaresLayout;
            _keys = keys;
            _queries = queries;
            _places = places;
            _sums = sums;
            _squares = squares;
            _squareRows = Numbers + (owner.MostInPass * Layout.Length);
            _errors = _squareRows + (owner.MostInPass * _squaresLayout.Length);
            _squareErrors = _errors + owner.MostInPass;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Answer(int first, int count)
        {
            double* queries = _queries.Numbers + first;
            new Span<double>(Numbers, count * Layout.Length).Clear();
            _sums.Sum(queries, count, Numbers, _errors);
            if (_squares is not null)
            {
                new Span<double>(_squareRows, count * _squaresLayout.Length).Clear();
                _squares.Sum(queries, count, _squareRows, _squareErrors);
            }

            for (int i = 0; i < count; i++)
            {
                double* row = Numbers + (i * Layout.Length);
                if (_squares is not null)
                {
                    AddSquares(row, _squareRows + ((long)i * _squaresLayout.Length));
                }

                var errors = new RowErrors
                {
                    WeightSum = _errors[i],
                    SquaredWeightSum = _squares is null ? 0 : _squareErrors[i],
                    AreInAllSums = true,
                    PlaneGradientFactor = Layout.PlaneGradient >= 0 ? _sums.PlaneGradientError : 0,
                };
                Finish(_queries.Order[first + i], first + i, row, errors);
            }
        }

        protected override IKeyTiles Tiles() => new LineTiles(_keys, _places);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override bool TryAddPair(int key, int place, double* own, double* row)
        {
            int at = _places![key];
            double* number = _queries.Numbers + place;
            if (_keys.Keys[at] == *number)
            {
                AddWhole(at, own);
            }
            else
            {
                Add(_keys.Slice(at, 1), number, own);
            }

            // Which keys are in reach was decided by their places, the same for all.
            own[SumLayout.Boundary] = row[SumLayout.Boundary];
            return true;
        }

        private void AddSquares(double* row, double* squares)
        {
            row[SumLayout.SquaredWeightSum] = squares[SumLayout.WeightSum];
            if (Layout.HasPlanes)
            {
                // Of squares with a position in bandwidths that are a Gaussian's own, narrower by the root of 2.
                double unit = KernelTraits<TKernel>.IsGaussian ? 1 / Math.Sqrt(2) : 1;
                row[Layout.SquaredPlanes] = squares[_squaresLayout.Planes] * unit;
                row[Layout.SquaredPlanes + 1] = squares[_squaresLayout.Planes + 1] * unit * unit;
            }
        }

        // Leave-one-out: a key at the query itself has the weight 1, and its position 0 adds to no other sum.
        private void AddWhole(int place, double* own)
        {
            double weight = _keys.SampleWeights is null ? 1 : _keys.SampleWeights[place];
            own[SumLayout.WeightSum] = weight;
            own[SumLayout.SquaredWeightSum] = Layout.HasSquares ? weight * weight : 0;
            for (int c = 0; c < _keys.Columns; c++)
            {
                own[SumLayout.Values + c] = _keys.Values[((long)c * _keys.Stride) + place];
            }
        }

        // The keys that matter stand around the nearest one that counts; what lies further out weighs nothing, or so little that the bound
        // returned covers it.
        protected override double AnswerCarefully(int query, int place)
        {
            double number = _queries.Numbers[place];
            (double key, double sampleWeight) = Nearest(query, number, double.NaN);
            double nearest = Math.Abs(key - number) / _owner._bandwidth;
            if (double.IsNaN(nearest))
            {
                Careful.Answer(query, 0, 0);
                return 0;
            }

            double tolerance = Problem.Options.Tolerance;
            double far = Layout.HasGradient ? 1 + FarGradient + (nearest * nearest) : 1;
            far = Layout.PlaneGradient >= 0 ? far * far : far;
            double reach = KernelTraits<TKernel>.IsBounded
                ? Math.Max(1, nearest)
                : Reach(nearest, Math.E * far * _keys.Count / (tolerance * sampleWeight));
            if (Layout.HasPlanes && !KernelTraits<TKernel>.IsBounded)
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
            Careful.Answer(query, low / LineTiles.Length, (high + LineTiles.Length - 1) / LineTiles.Length);
            return KernelTraits<TKernel>.IsBounded ? 0 : tolerance / Math.E;
        }

        // How far keys count that weigh more than a part of what one at a distance does.
        private static double Reach(double distance, double part) => Math.Sqrt((distance * distance) + (2 * Math.Log(part)));

        // The nearest key that counts, besides those at a place, and its sample weight; NaN where none counts.
        private (double Key, double SampleWeight) Nearest(int query, double number, double besides)
        {
            int leftOut = Problem.LeftOutOf(query) is int key && key < 0 ? -1 : _places![key];
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
