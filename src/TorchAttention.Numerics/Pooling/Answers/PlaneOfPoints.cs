namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// The plane of a query whose sums do not determine it well, from its keys one by one, in coordinates along the directions that they
/// determine (<see cref="PlaneDirections"/>): as the exact weights have it, however far apart they are, and level in what is open, the
/// slope of least norm.
/// </summary>
/// <param name="features">d.</param>
/// <param name="columns">v.</param>
/// <param name="argumentScale">The kernel's argument scale.</param>
/// <param name="isRelative">Whether changes of weights are relative to that of a key at the reference.</param>
internal sealed class PlaneOfPoints(int features, int columns, double argumentScale, bool isRelative) : IPlane
{
    private readonly double[] _means = new double[features];
    private readonly double[] _factor = new double[features * features];
    private readonly double[] _query = new double[features];
    private readonly double[] _open = new double[features];
    private readonly double[] _target = new double[features];
    private readonly double[] _forward = new double[features];
    private readonly double[] _coefficients = new double[features];
    private readonly double[] _fit = new double[features];
    private readonly double[] _slopes = new double[features];
    private double[] _values = [];
    private double[] _changes = [];
    private double[] _concentrations = [];
    private double _sum;
    private double _mean;

    /// <summary>The directions that the keys determine.</summary>
    public PlaneDirections Directions { get; } = new(features);

    /// <inheritdoc/>
    public bool IsLevel { get; private set; }

    /// <inheritdoc/>
    public double OwnWeight
    {
        get
        {
            double weight = 1 / _sum;
            for (int k = 0; k < Directions.Rank; k++)
            {
                weight += _forward[k] == 0 ? 0 : _forward[k] * _forward[k] * Math.Exp(Directions.Raised[k + 1].Total);
            }

            return weight * Math.Exp(-Directions.LargestLogWeight);
        }
    }

    /// <summary>Adds a key that has a weight, or several at one place as one.</summary>
    /// <param name="logWeight">log s K, relative to the score that the query's sums are relative to.</param>
    /// <param name="change">G / K, by which a weight changes with a bandwidth.</param>
    /// <param name="concentration">The sum of the squared parts that the keys have in the weight: 1 of one key.</param>
    /// <param name="position">Its position from the reference, in bandwidths (d).</param>
    /// <param name="values">Its normalised values (v).</param>
    public void Add(double logWeight, double change, double concentration, ReadOnlySpan<double> position, ReadOnlySpan<double> values)
    {
        int point = Directions.Count;
        if (point == _changes.Length)
        {
            int size = Math.Max(16, 2 * point);
            Array.Resize(ref _changes, size);
            Array.Resize(ref _concentrations, size);
            Array.Resize(ref _values, size * columns);
        }

        _changes[point] = change;
        _concentrations[point] = concentration;
        values.CopyTo(_values.AsSpan(point * columns));
        Directions.Add(logWeight, position);
    }

    /// <summary>Fits the plane along the directions that were found.</summary>
    /// <param name="query">The query's position from the reference, in bandwidths (d).</param>
    /// <param name="counted">The number of features that count: those whose bandwidth is finite.</param>
    public void Solve(ReadOnlySpan<double> query, int counted)
    {
        IsLevel = Directions.Rank < counted;
        Directions.Weigh();
        Centre();
        Factorise();
        Aim(query);
    }

    /// <inheritdoc/>
    public double Height(int column)
    {
        SolveSlopes(column);
        double height = _mean;
        for (int k = 0; k < Directions.Rank; k++)
        {
            height += _fit[k] * _target[k];
        }

        return height;
    }

    /// <inheritdoc/>
    public void SolveSlopes(int column)
    {
        double[] roots = Directions.Roots;
        double[] along = Directions.Along;
        _mean = 0;
        for (int i = 0; i < Directions.Count; i++)
        {
            _mean += roots[i] * roots[i] * (_values[(i * columns) + column] / _sum);
        }

        Array.Clear(_fit);
        for (int i = 0; i < Directions.Count; i++)
        {
            double value = roots[i] * (_values[(i * columns) + column] - _mean);
            for (int k = 0; k < Directions.Rank; k++)
            {
                _fit[k] += along[(i * features) + k] * value;
            }
        }

        Forward(_fit, isTarget: false);
        Backward(_fit);
        for (int j = 0; j < features; j++)
        {
            _slopes[j] = Directions.InFeature(_fit, j);
        }
    }

    /// <inheritdoc/>
    public double Slope(int feature) => _slopes[feature];

    /// <inheritdoc/>
    public double SquaredWeights()
    {
        double sum = 0;
        for (int i = 0; i < Directions.Count; i++)
        {
            double weight = Directions.Roots[i] * Tilt(i);
            sum += weight * weight * _concentrations[i];
        }

        return sum;
    }

    /// <inheritdoc/>
    public double HeightChange(int feature, int column)
    {
        double change = 0;
        for (int i = 0; i < Directions.Count; i++)
        {
            double left = Directions.Roots[i] * (_values[(i * columns) + column] - _mean);
            for (int k = 0; k < Directions.Rank; k++)
            {
                left -= Directions.Along[(i * features) + k] * _fit[k];
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
        for (int i = 0; i < Directions.Count; i++)
        {
            double tilt = Tilt(i);
            change += tilt == 0 ? 0 : tilt * tilt * Math.Exp(Directions.RaisedOf(i).Total) * Change(i, feature);
        }

        change += 4 * _open[feature] * Directions.InFeature(_coefficients, feature);
        return -argumentScale * Math.Exp(-Directions.LargestLogWeight) * change;
    }

    private void Centre()
    {
        double[] roots = Directions.Roots;
        double[] along = Directions.Along;
        _sum = 0;
        for (int i = 0; i < Directions.Count; i++)
        {
            _sum += roots[i] * roots[i];
        }

        Array.Clear(_means);
        for (int i = 0; i < Directions.Count; i++)
        {
            for (int k = 0; k < Directions.Rank; k++)
            {
                _means[k] += roots[i] / _sum * along[(i * features) + k];
            }
        }

        for (int i = 0; i < Directions.Count; i++)
        {
            for (int k = 0; k < Directions.Rank; k++)
            {
                along[(i * features) + k] -= roots[i] * _means[k];
            }
        }
    }

    // The squares and products of the coordinates are L L'.
    private void Factorise()
    {
        double[] along = Directions.Along;
        for (int k = 0; k < Directions.Rank; k++)
        {
            for (int l = 0; l <= k; l++)
            {
                double entry = 0;
                for (int i = 0; i < Directions.Count; i++)
                {
                    entry += along[(i * features) + k] * along[(i * features) + l];
                }

                for (int m = 0; m < l; m++)
                {
                    entry -= _factor[(k * features) + m] * _factor[(l * features) + m];
                }

                _factor[(k * features) + l] = k == l ? Math.Sqrt(entry) : entry / _factor[(l * features) + l];
            }
        }
    }

    private void Aim(ReadOnlySpan<double> query)
    {
        query.CopyTo(_query);
        query.CopyTo(_open);
        Directions.Resolve(_open, _target);
        for (int k = 0; k < Directions.Rank; k++)
        {
            _target[k] -= Directions.Raised[k + 1].IsNone ? _means[k] : 0;
            _forward[k] = _target[k];
        }

        Forward(_forward, isTarget: true);
        _forward.CopyTo(_coefficients, 0);
        Backward(_coefficients);
    }

    // What a query's place along heavier directions adds to the one along raised directions is nothing, and would be raised with it; so
    // would the mean.
    private void Forward(double[] numbers, bool isTarget)
    {
        for (int k = 0; k < Directions.Rank; k++)
        {
            for (int l = 0; l < k; l++)
            {
                numbers[k] -= isTarget && Directions.Raised[k + 1].IsMoreThan(Directions.Raised[l + 1])
                    ? 0
                    : _factor[(k * features) + l] * numbers[l];
            }

            numbers[k] /= _factor[(k * features) + k];
        }
    }

    private void Backward(double[] numbers)
    {
        for (int k = Directions.Rank - 1; k >= 0; k--)
        {
            for (int l = k + 1; l < Directions.Rank; l++)
            {
                numbers[k] -= _factor[(l * features) + k] * numbers[l];
            }

            numbers[k] /= _factor[(k * features) + k];
        }
    }

    // l_i by the root of the weight; of a weight that was raised, what hangs on its direction, beside which all else is nothing.
    private double Tilt(int i)
    {
        Raise raised = Directions.RaisedOf(i);
        double tilt = raised.IsNone ? Directions.Roots[i] / _sum : 0;
        for (int k = 0; k < Directions.Rank; k++)
        {
            tilt += raised.IsMoreThan(Directions.Raised[k + 1]) ? 0 : Directions.Along[(i * features) + k] * _coefficients[k];
        }

        return tilt;
    }

    // G u^2 / K, u^2 less that of the key that a Gaussian's weights are relative to.
    private double Change(int i, int feature)
    {
        double position = Directions.Position(i, feature);
        double query = _query[feature];
        return _changes[i] * (isRelative ? position * (position - (2 * query)) : (query - position) * (query - position));
    }
}
