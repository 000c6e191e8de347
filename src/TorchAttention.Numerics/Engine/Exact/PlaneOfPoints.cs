namespace TorchAttention.Numerics.Engine.Exact;

/// <summary>The plane of a query whose sums do not determine it well, from its keys one by one: as the exact weights have it, however far apart they are.</summary>
/// <remarks>
/// <para>Directions are chosen as row pivoting in a QR decomposition chooses them: from the key that weighs most, each towards the key off the directions so far whose weight times
/// squared distance from them is largest. In coordinates along them, in units of that largest, no entry of the weighted least-squares problem is above 1, and the sums are good
/// to their last digits where the weights differ by hundreds of orders or the keys are nearly on a line (A. J. Cox and N. J. Higham, 1998).</para>
/// <para>A key is off the directions where its distance from them is more than 1e-9 of its distance from the key that weighs most, whatever it weighs. Where no key is, the
/// directions left are open, and the plane is level in them: the slope of least norm. Neither depends on the order of keys or features.</para>
/// <para>Where the weights that are left to a direction are so small beside those of the one before that no digit of the latter's answer could notice (a query far from all keys has
/// only its nearest left), they are scaled up: float64 cannot hold them, and the answer is the same.</para>
/// </remarks>
/// <param name="features">d.</param>
/// <param name="columns">v.</param>
/// <param name="argumentScale">The kernel's argument scale.</param>
/// <param name="isRelative">Whether changes of weights are relative to that of a key at the reference.</param>
internal sealed class PlaneOfPoints(int features, int columns, double argumentScale, bool isRelative) : IPlane
{
    // The part of a key's distance up to which a distance is nothing but rounding.
    private const double Rounding = 1e-9;

    // e^-100 of one direction's weight is beyond its last digit even where the key's distance along it is 1 / Rounding times larger.
    private const double MostGap = 100;

    // Half of this is still an exponent that float64 can hold.
    private const double LeastExponent = -1300;

    private readonly double[] _directions = new double[features * features];
    private readonly double[] _units = new double[features];
    private readonly double[] _raised = new double[features + 1];
    private readonly double[] _means = new double[features];
    private readonly double[] _factor = new double[features * features];
    private readonly double[] _query = new double[features];
    private readonly double[] _target = new double[features];
    private readonly double[] _open = new double[features];
    private readonly double[] _forward = new double[features];
    private readonly double[] _coefficients = new double[features];
    private readonly double[] _fit = new double[features];
    private readonly double[] _slopes = new double[features];
    private double[] _positions = [];
    private double[] _logWeights = [];
    private double[] _values = [];
    private double[] _changes = [];
    private double[] _off = [];
    private double[] _squares = [];
    private double[] _along = [];
    private double[] _roots = [];
    private int[] _level = [];
    private int _count;
    private int _heaviest;
    private int _rank;
    private int _counted;
    private double _sum;
    private double _mean;

    /// <inheritdoc/>
    public bool IsLevel => _rank < _counted;

    /// <inheritdoc/>
    public double OwnWeight
    {
        get
        {
            double weight = 1 / _sum;
            for (int k = 0; k < _rank; k++)
            {
                weight += _forward[k] * _forward[k] * Math.Exp(_raised[k + 1]);
            }

            return weight * Math.Exp(-_logWeights[_heaviest]);
        }
    }

    /// <summary>Forgets the keys.</summary>
    public void Clear() => _count = 0;

    /// <summary>Adds a key that has a weight.</summary>
    /// <param name="logWeight">log s K, relative to the score that the query's sums are relative to.</param>
    /// <param name="change">G / K, by which a weight changes with a bandwidth.</param>
    /// <param name="position">Its position from the reference, in bandwidths (d).</param>
    /// <param name="values">Its normalised values (v).</param>
    public void Add(double logWeight, double change, ReadOnlySpan<double> position, ReadOnlySpan<double> values)
    {
        if (_count == _logWeights.Length)
        {
            int size = Math.Max(16, 2 * _count);
            Array.Resize(ref _logWeights, size);
            Array.Resize(ref _changes, size);
            Array.Resize(ref _positions, size * features);
            Array.Resize(ref _values, size * columns);
        }

        _logWeights[_count] = logWeight;
        _changes[_count] = change;
        position.CopyTo(_positions.AsSpan(_count * features));
        values.CopyTo(_values.AsSpan(_count * columns));
        _count++;
    }

    /// <summary>Fits the plane.</summary>
    /// <param name="query">The query's position from the reference, in bandwidths (d).</param>
    /// <param name="counted">The number of features that count: those whose bandwidth is finite.</param>
    public void Solve(ReadOnlySpan<double> query, int counted)
    {
        _counted = counted;
        query.CopyTo(_query);
        Begin();
        while (_rank < features && Widen())
        {
        }

        Weigh();
        Centre();
        Factorise();
        Aim();
    }

    /// <inheritdoc/>
    public double Height(int column)
    {
        SolveSlopes(column);
        double height = _mean;
        for (int k = 0; k < _rank; k++)
        {
            height += _fit[k] * _target[k];
        }

        return height;
    }

    /// <inheritdoc/>
    public void SolveSlopes(int column)
    {
        _mean = 0;
        for (int i = 0; i < _count; i++)
        {
            _mean += _roots[i] * _roots[i] * (_values[(i * columns) + column] / _sum);
        }

        Array.Clear(_fit);
        for (int i = 0; i < _count; i++)
        {
            double value = _roots[i] * (_values[(i * columns) + column] - _mean);
            for (int k = 0; k < _rank; k++)
            {
                _fit[k] += _along[(i * features) + k] * value;
            }
        }

        Forward(_fit, isTarget: false);
        Backward(_fit);
        for (int j = 0; j < features; j++)
        {
            _slopes[j] = InFeature(_fit, j);
        }
    }

    /// <inheritdoc/>
    public double Slope(int feature) => _slopes[feature];

    /// <inheritdoc/>
    public double SquaredWeights()
    {
        double sum = 0;
        for (int i = 0; i < _count; i++)
        {
            double weight = _roots[i] * Tilt(i);
            sum += weight * weight;
        }

        return sum;
    }

    /// <inheritdoc/>
    public double HeightChange(int feature, int column)
    {
        double change = 0;
        for (int i = 0; i < _count; i++)
        {
            double left = _roots[i] * (_values[(i * columns) + column] - _mean);
            for (int k = 0; k < _rank; k++)
            {
                left -= _along[(i * features) + k] * _fit[k];
            }

            change += Tilt(i) * left * Change(i, feature);
        }

        // Bandwidths also say which way the open directions are.
        return argumentScale * (change - (2 * _open[feature] * _slopes[feature]));
    }

    /// <inheritdoc/>
    public double OwnWeightChange(int feature)
    {
        double change = 0;
        for (int i = 0; i < _count; i++)
        {
            double tilt = Tilt(i);
            change += tilt * tilt * Math.Exp(_raised[_level[i]]) * Change(i, feature);
        }

        return -argumentScale * Math.Exp(-_logWeights[_heaviest]) * (change + (4 * _open[feature] * InFeature(_coefficients, feature)));
    }

    private void Begin()
    {
        if (_level.Length < _count)
        {
            int size = _logWeights.Length;
            _off = new double[size * features];
            _along = new double[size * features];
            _squares = new double[size];
            _roots = new double[size];
            _level = new int[size];
        }

        _rank = 0;
        _heaviest = 0;
        for (int i = 1; i < _count; i++)
        {
            _heaviest = _logWeights[i] > _logWeights[_heaviest] ? i : _heaviest;
        }

        for (int i = 0; i < _count; i++)
        {
            _level[i] = 0;
            for (int j = 0; j < features; j++)
            {
                _off[(i * features) + j] = _positions[(i * features) + j] - _positions[(_heaviest * features) + j];
                _along[(i * features) + j] = 0;
            }

            _squares[i] = SquareOff(i);
        }
    }

    // One direction more; false where no key is off those there are.
    private bool Widen()
    {
        int best = -1;
        double most = double.NegativeInfinity;
        double heaviest = double.NegativeInfinity;
        for (int i = 0; i < _count; i++)
        {
            if (SquareOff(i) is double square and > 0)
            {
                double logWeight = _logWeights[i] - _logWeights[_heaviest];
                heaviest = Math.Max(heaviest, logWeight);
                double size = logWeight + Math.Log(square);
                (best, most) = size > most ? (i, size) : (best, most);
            }
        }

        if (best < 0)
        {
            return false;
        }

        double before = _rank == 0 ? double.PositiveInfinity : -2 * Math.Log(_units[_rank - 1]);
        double raised = Math.Max(_raised[_rank], Math.Min(before - MostGap - most, -MostGap - heaviest));
        if (most + raised < LeastExponent)
        {
            return false;
        }

        _raised[_rank + 1] = raised;
        _units[_rank] = Math.Exp(-(most + raised) / 2);
        Span<double> direction = _directions.AsSpan(_rank * features, features);
        _off.AsSpan(best * features, features).CopyTo(direction);
        for (int k = 0; k < _rank; k++)
        {
            TakeOff(_directions.AsSpan(k * features, features), direction);
        }

        double length = Math.Sqrt(Dot(direction, direction));
        for (int j = 0; j < features; j++)
        {
            direction[j] /= length;
        }

        _rank++;
        for (int i = 0; i < _count; i++)
        {
            Span<double> off = _off.AsSpan(i * features, features);
            if (SquareOff(i) > 0)
            {
                _level[i] = _rank;
                _along[(i * features) + _rank - 1] = TakeOff(direction, off);
                ClearRounding(off, _squares[i]);
            }
        }

        return true;
    }

    // Coordinates to rows of the least-squares problem, by the roots of the weights.
    private void Weigh()
    {
        _sum = 0;
        for (int i = 0; i < _count; i++)
        {
            _roots[i] = Math.Exp((_logWeights[i] - _logWeights[_heaviest] + _raised[_level[i]]) / 2);
            _sum += _roots[i] * _roots[i];
            for (int k = 0; k < _rank; k++)
            {
                _along[(i * features) + k] *= _units[k] * _roots[i];
            }
        }
    }

    private void Centre()
    {
        Array.Clear(_means);
        for (int i = 0; i < _count; i++)
        {
            for (int k = 0; k < _rank; k++)
            {
                _means[k] += _roots[i] / _sum * _along[(i * features) + k];
            }
        }

        for (int i = 0; i < _count; i++)
        {
            for (int k = 0; k < _rank; k++)
            {
                _along[(i * features) + k] -= _roots[i] * _means[k];
            }
        }
    }

    // The squares and products of the coordinates are L L'.
    private void Factorise()
    {
        for (int k = 0; k < _rank; k++)
        {
            for (int l = 0; l <= k; l++)
            {
                double entry = 0;
                for (int i = 0; i < _count; i++)
                {
                    entry += _along[(i * features) + k] * _along[(i * features) + l];
                }

                for (int m = 0; m < l; m++)
                {
                    entry -= _factor[(k * features) + m] * _factor[(l * features) + m];
                }

                _factor[(k * features) + l] = k == l ? Math.Sqrt(entry) : entry / _factor[(l * features) + l];
            }
        }
    }

    private void Aim()
    {
        for (int j = 0; j < features; j++)
        {
            _open[j] = _query[j] - _positions[(_heaviest * features) + j];
        }

        double square = Dot(_open, _open);
        for (int k = 0; k < _rank; k++)
        {
            double along = TakeOff(_directions.AsSpan(k * features, features), _open) * _units[k];
            _target[k] = _raised[k + 1] > 0 ? along : along - _means[k];
            _forward[k] = _target[k];
            ClearRounding(_open, square);
        }

        Forward(_forward, isTarget: true);
        _forward.CopyTo(_coefficients, 0);
        Backward(_coefficients);
    }

    // What a query's place along heavier directions adds to the one along raised directions is nothing, and would be raised with it; so would the mean.
    private void Forward(double[] numbers, bool isTarget)
    {
        for (int k = 0; k < _rank; k++)
        {
            for (int l = 0; l < k; l++)
            {
                numbers[k] -= isTarget && _raised[k + 1] > _raised[l + 1] ? 0 : _factor[(k * features) + l] * numbers[l];
            }

            numbers[k] /= _factor[(k * features) + k];
        }
    }

    private void Backward(double[] numbers)
    {
        for (int k = _rank - 1; k >= 0; k--)
        {
            for (int l = k + 1; l < _rank; l++)
            {
                numbers[k] -= _factor[(l * features) + k] * numbers[l];
            }

            numbers[k] /= _factor[(k * features) + k];
        }
    }

    // From coordinates along the directions to features.
    private double InFeature(double[] numbers, int feature)
    {
        double sum = 0;
        for (int k = 0; k < _rank; k++)
        {
            sum += _directions[(k * features) + feature] * _units[k] * numbers[k];
        }

        return sum;
    }

    // What a key's weight has been multiplied by in the query's height and, with its value from the plane, in its change; by the root of its own weight.
    private double Tilt(int i)
    {
        double tilt = _roots[i] / _sum;
        for (int k = 0; k < _rank; k++)
        {
            tilt += _along[(i * features) + k] * _coefficients[k];
        }

        return tilt;
    }

    // G u^2 / K, u^2 less that of the key that a Gaussian's weights are relative to.
    private double Change(int i, int feature)
    {
        double position = _positions[(i * features) + feature];
        double query = _query[feature];
        return _changes[i] * (isRelative ? position * (position - (2 * query)) : (query - position) * (query - position));
    }

    private static void ClearRounding(Span<double> off, double square)
    {
        if (Dot(off, off) <= Rounding * Rounding * square)
        {
            off.Clear();
        }
    }

    private double SquareOff(int i) => Dot(_off.AsSpan(i * features, features), _off.AsSpan(i * features, features));

    private static double TakeOff(ReadOnlySpan<double> direction, Span<double> from)
    {
        double along = Dot(direction, from);
        for (int j = 0; j < from.Length; j++)
        {
            from[j] -= along * direction[j];
        }

        return along;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int j = 0; j < a.Length; j++)
        {
            sum += a[j] * b[j];
        }

        return sum;
    }
}
