namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The mean, or the line, at places where no row is near: weights by their ratios to the largest. An estimate, since what is left out of a
/// cell's series is small beside its own weight alone.
/// </summary>
internal sealed class FarSums(MomentLevel level, double h, int degree)
{
    // e^-45 of the largest weight; for a line of the second place's.
    private const double Reach = 90;

    // Rows closer than this, in bandwidths, have no line of their own.
    private const double OnePlace = 1e-6;

    /// <summary>The curve at a place.</summary>
    /// <param name="x">The place.</param>
    /// <param name="without">A row that is not to count, or null.</param>
    public double At(double x, KeptRow? without = null)
    {
        int right = Array.BinarySearch(level.Ids, level.CellOf(x));
        right = right < 0 ? ~right : right;
        int left = right - 1;
        var sums = new Relative();
        while (left >= 0 || right < level.Count)
        {
            int cell = DistanceTo(left) <= DistanceTo(right) ? left-- : right++;
            if (Square(DistanceTo(cell) / h) > sums.Square(degree) + Reach)
            {
                break;
            }

            AddCell(cell, x, without, ref sums);
        }

        return sums.At(x / h, degree);

        double DistanceTo(int cell) => cell < 0 || cell >= level.Count ? double.PositiveInfinity
            : Math.Max(0, Math.Max((level.Ids[cell] * level.CellWidth) - x, x - ((level.Ids[cell] + 1) * level.CellWidth)));
    }

    private void AddCell(int cell, double x, KeptRow? without, ref Relative sums)
    {
        bool isLeftOut = without is null;
        foreach (KeptRow row in level.Rows[cell])
        {
            if (!isLeftOut && row == without)
            {
                isLeftOut = true;
                continue;
            }

            sums.Add(Square((x - row.X) / h), row.X / h, row.Y, row.Weight);
        }

        if (!level.HasLight(cell))
        {
            return;
        }

        // In the middle of the cell, that of its rows' own squares.
        double middle = (level.Ids[cell] + 0.5) * level.CellWidth;
        double half = level.CellWidth / 2;
        double edge = Square(Math.Max(0, Math.Abs(x - middle) - half) / h);
        CellBasis basis = CellBasis.OfKernel(level.K);
        Span<double> values = stackalloc double[basis.Nodes];
        Span<double> series = stackalloc double[level.K];
        double[] weights = new double[degree + 2];
        double[] products = new double[degree + 1];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Math.Exp(-0.5 * (Square((x - middle - (half * basis.Places[i])) / h) - edge));
        }

        // About the middle, in bandwidths.
        for (int power = 0; power < weights.Length; power++)
        {
            basis.Fit(values, series);
            for (int k = 0; k < series.Length; k++)
            {
                weights[power] += series[k] * level.Light[0].M[(cell * level.K) + k];
                if (power < products.Length)
                {
                    products[power] += series[k] * level.Light[0].V[(cell * level.K) + k];
                }
            }

            for (int i = 0; i < values.Length; i++)
            {
                values[i] *= half * basis.Places[i] / h;
            }
        }

        if (weights[0] > 0)
        {
            double along = weights[1] / weights[0];
            double mean = products[0] / weights[0];
            sums.Add(edge, (middle / h) + along, level.Levels[cell] + mean, weights[0]);
            if (degree > 0)
            {
                sums.Widen(edge, weights[2] - (along * weights[1]), products[1] - (along * products[0]));
            }
        }
    }

    private static double Square(double x) => x * x;

    /// <summary>Sums by weights relative to the largest, about the place that has it.</summary>
    private struct Relative()
    {
        private double _reference = double.PositiveInfinity;
        private double _second = double.PositiveInfinity;
        private double _centre;
        private double _weights, _places, _squares, _products, _both;

        /// <summary>The squared distance of what decides: the nearest place, for a line the next one.</summary>
        public readonly double Square(int degree) => degree == 0 ? _reference : Math.Max(_reference, _second);

        /// <summary>Adds rows at a place.</summary>
        public void Add(double square, double place, double y, double weight)
        {
            if (double.IsPositiveInfinity(_reference))
            {
                (_reference, _centre) = (square, place);
            }
            else if (Math.Abs(place - _centre) > OnePlace)
            {
                _second = Math.Min(_second, square);
            }

            double part = weight * Part(square);
            double along = place - _centre;
            _weights += part;
            _places += part * along;
            _squares += part * along * along;
            _products += part * y;
            _both += part * along * y;
        }

        /// <summary>Adds what rows of the place added last spread and vary together.</summary>
        public void Widen(double square, double spread, double both)
        {
            double part = Part(square);
            _squares += part * Math.Max(0, spread);
            _both += part * both;
            _second = spread > 0 ? Math.Min(_second, square) : _second;
        }

        public readonly double At(double place, int degree)
        {
            double mean = _products / _weights;
            double at = _places / _weights;
            double spread = (_squares / _weights) - (at * at);
            return degree == 0 || !(spread > 0) ? mean
                : mean + (((_both / _weights) - (at * mean)) / spread * (place - _centre - at));
        }

        private double Part(double square)
        {
            if (square < _reference)
            {
                double factor = Math.Exp(-0.5 * (_reference - square));
                _weights *= factor;
                _places *= factor;
                _squares *= factor;
                _products *= factor;
                _both *= factor;
                _reference = square;
            }

            return Math.Exp(-0.5 * (square - _reference));
        }
    }
}
