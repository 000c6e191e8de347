using System.Collections.Concurrent;
using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>
/// Planes where sums say too little: by the rows around, as in memory, however far they are and however close together. A box of many rows
/// counts as few places that have the same mean, spread and slopes by their weights there.
/// </content>
internal sealed partial class BoxFar
{
    // Rows down to e^-this of the nearest place's weight at first, then ever less, until directions that they leave open cannot be told
    // from none; e^-the third is beyond the last digit.
    private const double FirstDepth = 40;
    private const double Deeper = 2;
    private const double BeyondDigits = 32;

    // A spread that is less than this part of a bandwidth's square is none.
    private const double LeastSpread = 1e-14;

    private readonly ConcurrentDictionary<int, Places> _places = [];
    private readonly Lazy<double[][]> _middles = new(() => [.. Enumerable.Range(0, level.Features).Select(
        j => level.Ids.Select(id => level.Ends(id, j).Average() / h[j]).ToArray())]);

    /// <summary>The plane at a place.</summary>
    /// <param name="x">The place (d).</param>
    /// <param name="without">A kept row that is not to count, or none.</param>
    /// <returns>The plane; a thread's next one takes its room.</returns>
    public Plane PlaneAt(ReadOnlySpan<double> x, ReadOnlySpan<double> without = default) =>
        _places.GetOrAdd(Environment.CurrentManagedThreadId, _ => new Places(level, h, _middles.Value, Span.Rank)).PlaneAt(x, without);

    /// <summary>A plane whose weights are relative to those of a place that is not the query.</summary>
    /// <param name="points">The plane.</param>
    /// <param name="unit">1 / K of that place.</param>
    internal readonly struct Plane(PlaneOfPoints points, double unit) : IPlane
    {
        /// <summary>How many directions the rows determine.</summary>
        public int Rank => points.Directions.Rank;

        /// <inheritdoc/>
        public bool IsLevel => points.IsLevel;

        /// <inheritdoc/>
        public double OwnWeight => points.OwnWeight * unit;

        /// <inheritdoc/>
        public double Height(int column) => points.Height(column);

        /// <inheritdoc/>
        public void SolveSlopes(int column) => points.SolveSlopes(column);

        /// <inheritdoc/>
        public double Slope(int feature) => points.Slope(feature);

        /// <inheritdoc/>
        public double SquaredWeights() => points.SquaredWeights();

        /// <inheritdoc/>
        public double HeightChange(int feature, int column) => points.HeightChange(feature, column);

        /// <inheritdoc/>
        public double OwnWeightChange(int feature) => points.OwnWeightChange(feature) * unit;
    }

    /// <summary>What a thread works in.</summary>
    private sealed class Places(BoxLevel level, double[] h, double[][] middles, int rank)
    {
        private readonly PlaneOfPoints _points = new(level.Features, level.Columns, 1, isRelative: false);
        private readonly double[] _squares = new double[level.Count];
        private readonly double[] _half = [.. level.Widths.Select((width, j) => width / (2 * h[j]))];
        private readonly double[] _reference = new double[level.Features];
        private readonly double[] _query = new double[level.Features];
        private readonly double[] _position = new double[level.Features];
        private readonly double[] _values = new double[level.Columns];
        private readonly double[][][] _series = [.. Enumerable.Range(0, level.Features).Select(
            _ => Enumerable.Range(0, Powers).Select(_ => new double[BoxTerms.K]).ToArray())];

        private readonly double _logOfAll = Math.Log(Math.Max(level.Weights.Sum(), level.Counts.Sum()));

        private const int Powers = 3;

        private int Features => level.Features;

        public Plane PlaneAt(ReadOnlySpan<double> x, ReadOnlySpan<double> without)
        {
            Array.Clear(_squares);
            for (int j = 0; j < Features; j++)
            {
                (double at, double half, double[] ofBoxes) = (x[j] / h[j], _half[j], middles[j]);
                for (int box = 0; box < ofBoxes.Length; box++)
                {
                    double apart = Math.Max(0, Math.Abs(at - ofBoxes[box]) - half);
                    _squares[box] += 0.5 * apart * apart;
                }
            }

            int first = Array.IndexOf(_squares, _squares.Min());
            double nearest = _squares[first];
            double square = 0;
            for (int j = 0; j < Features; j++)
            {
                _reference[j] = middles[j][first] * h[j];
                _query[j] = (x[j] - _reference[j]) / h[j];
                square += _query[j] * _query[j];
            }

            for (double depth = FirstDepth; ; depth *= Deeper)
            {
                double next = Gather(without, nearest + depth);
                PlaneDirections found = _points.Directions;
                found.Find();
                double beyond = Math.Log(4 * (1 + nearest + (2 * depth))) + _logOfAll - nearest - depth;
                if (double.IsPositiveInfinity(next)
                    || (found.Rank >= rank && beyond + BeyondDigits <= found.LeastExponent - (0.5 * square)))
                {
                    break;
                }

                depth = Math.Max(depth, (next - nearest + FirstDepth) / Deeper);
            }

            _points.Solve(_query, Features);
            return new Plane(_points, Math.Exp(0.5 * square));
        }

        // What weighs more than e^-depth; the depth of the next, infinite for none.
        private double Gather(ReadOnlySpan<double> without, double depth)
        {
            _points.Directions.Clear();
            double next = double.PositiveInfinity;
            bool isLeftOut = without.IsEmpty;
            for (int box = 0; box < _squares.Length; box++)
            {
                if (_squares[box] > depth)
                {
                    next = Math.Min(next, _squares[box]);
                    continue;
                }

                for (int at = 0; at < level.Rows[box].Length; at += level.Fields)
                {
                    ReadOnlySpan<double> row = level.Rows[box].AsSpan(at, level.Fields);
                    if (!isLeftOut && row.SequenceEqual(without))
                    {
                        isLeftOut = true;
                        continue;
                    }

                    next = Math.Min(next, AddRow(row, depth));
                }

                if (level.HasLight(box))
                {
                    AddBox(box);
                }
            }

            return next;
        }

        private double AddRow(ReadOnlySpan<double> row, double depth)
        {
            double square = 0;
            for (int j = 0; j < Features; j++)
            {
                _position[j] = (row[j] - _reference[j]) / h[j];
                square += (_position[j] - _query[j]) * (_position[j] - _query[j]);
            }

            if (square / 2 > depth)
            {
                return square / 2;
            }

            for (int c = 0; c < _values.Length; c++)
            {
                _values[c] = level.ValueOf(row, c) - level.Origins[c];
            }

            _points.Add(Math.Log(row[^1]) + Score(_position), 1, 1 / row[^1], _position, _values);
            return double.PositiveInfinity;
        }

        // log K beside that of the reference.
        private double Score(double[] position)
        {
            double sum = 0;
            for (int j = 0; j < position.Length; j++)
            {
                sum -= 0.5 * position[j] * (position[j] - (2 * _query[j]));
            }

            return sum;
        }

        // Weights beside that of the box's nearest place, and positions from its middle.
        private void AddBox(int box)
        {
            int d = Features;
            double[] edge = new double[d];
            double[] middle = new double[d];
            for (int j = 0; j < d; j++)
            {
                middle[j] = middles[j][box] - (_reference[j] / h[j]);
                edge[j] = Math.Clamp(_query[j], middle[j] - _half[j], middle[j] + _half[j]);
                SetSeries(_series[j], _half[j], middle[j] - _query[j], edge[j] - _query[j]);
            }

            int[] none = new int[d];
            double weight = SumOf(level.Light[0].M, box, none);
            if (!(weight > 0))
            {
                return;
            }

            double[] mean = [.. Enumerable.Range(0, d).Select(j => SumOf(level.Light[0].M, box, Of(j)) / weight)];
            double[][] root = new double[d][];
            for (int j = 0; j < d; j++)
            {
                root[j] = new double[d];
                for (int k = 0; k <= j; k++)
                {
                    double entry = (SumOf(level.Light[0].M, box, Of(j, k)) / weight) - (mean[j] * mean[k]);
                    for (int l = 0; l < k; l++)
                    {
                        entry -= root[j][l] * root[k][l];
                    }

                    root[j][k] = k == j ? Math.Sqrt(entry > LeastSpread ? entry : 0) : root[k][k] > 0 ? entry / root[k][k] : 0;
                }
            }

            double[][] slopes = new double[_values.Length][];
            double[] means = new double[_values.Length];
            for (int c = 0; c < _values.Length; c++)
            {
                means[c] = SumOf(level.Light[0].V[c], box, none) / weight;
                slopes[c] = new double[d];
                for (int j = 0; j < d; j++)
                {
                    double both = (SumOf(level.Light[0].V[c], box, Of(j)) / weight) - (mean[j] * means[c]);
                    for (int l = 0; l < j; l++)
                    {
                        both -= root[j][l] * slopes[c][l];
                    }

                    slopes[c][j] = root[j][j] > 0 ? both / root[j][j] : 0;
                }

                means[c] += level.Levels[c][box] - level.Origins[c];
            }

            double log = Math.Log(weight / (2 * d)) + Score(edge);
            double concentration = 2 * d / level.Light[0].M[box * level.Terms.Count];
            for (int point = 0; point < 2 * d; point++)
            {
                int along = point / 2;
                double far = (point % 2 == 0 ? 1 : -1) * Math.Sqrt(d);
                for (int j = 0; j < d; j++)
                {
                    _position[j] = middle[j] + mean[j] + (far * root[j][along]);
                }

                for (int c = 0; c < _values.Length; c++)
                {
                    _values[c] = means[c] + (far * slopes[c][along]);
                }

                _points.Add(log, 1, concentration, _position, _values);
            }

            int[] Of(params ReadOnlySpan<int> features)
            {
                int[] powers = new int[d];
                foreach (int j in features)
                {
                    powers[j]++;
                }

                return powers;
            }
        }

        // K beside its value at the box's nearest place, times powers of the way from the box's middle.
        private static void SetSeries(double[][] series, double half, double middle, double edge)
        {
            CellBasis basis = CellBasis.OfKernel(BoxTerms.K);
            Span<double> values = stackalloc double[basis.Nodes];
            for (int i = 0; i < values.Length; i++)
            {
                double p = middle + (half * basis.Places[i]);
                values[i] = Math.Exp(-0.5 * (p - edge) * (p + edge));
            }

            foreach (double[] power in series)
            {
                basis.Fit(values, power);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] *= half * basis.Places[i];
                }
            }
        }

        private double SumOf(double[] moments, int box, int[] powers)
        {
            double sum = 0;
            int terms = level.Terms.Count;
            for (int term = 0; term < terms; term++)
            {
                double factor = moments[(box * terms) + term];
                int[] degrees = level.Terms.Degrees[term];
                for (int j = 0; j < degrees.Length; j++)
                {
                    factor *= _series[j][powers[j]][degrees[j]];
                }

                sum += factor;
            }

            return sum;
        }
    }
}
