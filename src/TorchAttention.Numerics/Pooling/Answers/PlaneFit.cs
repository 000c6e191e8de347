using TorchAttention.Numerics.Pooling.Loops;


namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// The plane through the values around a query by weighted least squares, from the query's sums; for sums that determine it well.
/// </summary>
/// <remarks>
/// <para>With the weighted mean m and covariance C of the positions p_i, and t the query's position, the height at the query is sum_i l_i
/// v_i with l_i = s_i K_i / sum s K (1 + (p_i - m)' a) and C a = t - m. Written so, no digits are lost where the query is far from all
/// keys.</para>
/// <para>What the sums do not determine well (<see cref="IsDoubtful"/>) the keys are asked for one by one:
/// <see cref="PlaneOfPoints"/>.</para>
/// </remarks>
internal readonly unsafe ref partial struct PlaneFit : IPlane
{
    private readonly SumLayout _layout;
    private readonly double* _row;
    private readonly double* _mean;
    private readonly double* _factor;
    private readonly double* _pivot;
    private readonly double* _a;
    private readonly double* _slopes;
    private readonly double* _off;
    private readonly PlaneKeys _keys;
    private readonly double _filling;

    /// <summary>Prepares the fit.</summary>
    /// <param name="layout">Where the sums stand.</param>
    /// <param name="row">The sums.</param>
    /// <param name="keys">What all keys leave open.</param>
    /// <param name="memory">Scratch (<see cref="MemoryFor"/>).</param>
    public PlaneFit(in SumLayout layout, double* row, PlaneKeys keys, double* memory)
    {
        int features = layout.Features;
        _layout = layout;
        _row = row;
        _keys = keys;
        _mean = memory;
        _pivot = _mean + features;
        _a = _pivot + features;
        Position = _a + features;
        _slopes = Position + features;
        _off = _slopes + features;
        _factor = _off + features;
        new Span<double>(memory, MemoryFor(features)).Clear();
        _filling = Filling();
        Factorise();
    }

    /// <summary>The query's position t (d), 0 at first.</summary>
    public double* Position { get; }

    /// <inheritdoc/>
    public bool IsLevel
    {
        get
        {
            bool isLevel = _keys.AreLevel;
            for (int j = 0; j < _layout.Features; j++)
            {
                isLevel |= IsFixed(j) && _keys.Counts(j);
            }

            return isLevel;
        }
    }

    private double Sum => _row[SumLayout.WeightSum];

    public static int MemoryFor(int features) => (6 * features) + (features * features);

    /// <summary>Whether the sums determine a plane to too few digits, or not at all.</summary>
    /// <param name="part">The part of a feature's mean square that its variance must be, so that rounding leaves it its digits.</param>
    /// <param name="variance">What a variance must be at least.</param>
    /// <param name="weight">What a variance must weigh at least.</param>
    /// <param name="isCertain">Whether a feature whose squares are all 0 is the same at every key that weighs anything: squares of small
    /// weights may be 0 too.</param>
    public bool IsDoubtful(double part, double variance, double weight, bool isCertain)
    {
        for (int j = 0; j < _layout.Features; j++)
        {
            double left = VarianceLeft(j);
            bool isDetermined = IsFixed(j) ? isCertain || _keys.Open(j, j) > 1 - 1e-9
                : left >= part * ((Square(j) / Sum) + (_filling * _keys.Open(j, j))) && left >= variance && left * Sum >= weight;
            if (!isDetermined)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Solves C a = t - m.</summary>
    public void Solve()
    {
        for (int j = 0; j < _layout.Features; j++)
        {
            _a[j] = Position[j] - _mean[j];
        }

        for (int j = 0; j < _layout.Features; j++)
        {
            for (int k = 0; k < _layout.Features; k++)
            {
                _off[j] += _keys.Open(j, k) * _a[k];
            }

            _off[j] = IsFixed(j) ? _a[j] : _off[j];
        }

        for (int j = 0; j < _layout.Features; j++)
        {
            _a[j] -= _off[j];
        }

        SolveFor(_a);
    }

    /// <inheritdoc/>
    public double Height(int column)
    {
        double height = _row[SumLayout.Values + column] / Sum;
        double mean = height;
        for (int j = 0; j < _layout.Features; j++)
        {
            height += _a[j] * WithValues(j, column, mean);
        }

        return height;
    }

    /// <inheritdoc/>
    public void SolveSlopes(int column)
    {
        double mean = _row[SumLayout.Values + column] / Sum;
        for (int j = 0; j < _layout.Features; j++)
        {
            _slopes[j] = WithValues(j, column, mean);
        }

        SolveFor(_slopes);
    }

    /// <inheritdoc/>
    public double Slope(int feature) => _slopes[feature];

    /// <inheritdoc/>
    public double OwnWeight
    {
        get
        {
            double weight = 1;
            for (int j = 0; j < _layout.Features; j++)
            {
                weight += (Position[j] - _mean[j]) * _a[j];
            }

            return weight / Sum;
        }
    }

    /// <inheritdoc/>
    public double HeightChange(int feature, int column)
    {
        double* sums = ChangesOf(feature);
        double* products = sums + _layout.Features;
        double* withValues = products + _layout.Products;
        double* ofWeights = _row + _layout.BandwidthGradient;
        double origin = Height(column);
        for (int j = 0; j < _layout.Features; j++)
        {
            origin -= Position[j] * _slopes[j];
        }

        double constant = Constant;
        double change = constant * (ofWeights[_layout.Features + (feature * _layout.Columns) + column] - (origin * ofWeights[feature]));
        for (int j = 0; j < _layout.Features; j++)
        {
            change += (_a[j] * withValues[(j * _layout.Columns) + column]) - (((constant * _slopes[j]) + (origin * _a[j])) * sums[j]);
            for (int k = 0; k <= j; k++)
            {
                change -= (k < j ? (_a[j] * _slopes[k]) + (_a[k] * _slopes[j]) : _a[j] * _slopes[j]) * *products++;
            }
        }

        // Bandwidths also say which way the open directions are.
        return (change / Sum) - (2 * _keys.ArgumentScale * _off[feature] * _slopes[feature]);
    }

    /// <inheritdoc/>
    public double OwnWeightChange(int feature)
    {
        double* sums = ChangesOf(feature);
        double change = SquaredForm(_row[_layout.BandwidthGradient + feature], sums, sums + _layout.Features) / Sum / Sum;
        return -change - (4 * _keys.ArgumentScale * _off[feature] * _a[feature] / Sum);
    }

    /// <inheritdoc/>
    public double SquaredWeights()
    {
        double* linear = _row + _layout.SquaredPlanes;
        return SquaredForm(_row[SumLayout.SquaredWeightSum], linear, linear + _layout.Features) / Sum / Sum;
    }

    // What a weight is times at the position 0.
    private double Constant
    {
        get
        {
            double constant = 1;
            for (int j = 0; j < _layout.Features; j++)
            {
                constant -= _a[j] * _mean[j];
            }

            return constant;
        }
    }

    private double* ChangesOf(int feature) => _row + _layout.PlaneGradient + (feature * _layout.PlaneLength);

    // sum_i x_i (1 + (p_i - m)' a)^2 from the sums of x_i, of x_i p_i and of x_i p_i p_i'.
    private double SquaredForm(double ofOne, double* linear, double* products)
    {
        double constant = Constant;
        double sum = constant * constant * ofOne;
        for (int j = 0; j < _layout.Features; j++)
        {
            sum += 2 * constant * _a[j] * linear[j];
            for (int k = 0; k <= j; k++)
            {
                sum += (k < j ? 2 : 1) * _a[j] * _a[k] * *products++;
            }
        }

        return sum;
    }

    // The covariance of a position and a column of values.
    private double WithValues(int feature, int column, double mean)
    {
        double* sums = _row + _layout.Planes + _layout.Features + _layout.Products;
        return (sums[(feature * _layout.Columns) + column] / Sum) - (_mean[feature] * mean);
    }

    // What a feature varies by for given others: 1 / (C^-1)_jj, and C^-1 = L'^-1 D^-1 L^-1.
    private double VarianceLeft(int feature)
    {
        // L has ones on its diagonal: the feature's column of L^-1 begins with one.
        double* column = _a;
        double inverse = 1 / _pivot[feature];
        for (int k = feature + 1; k < _layout.Features; k++)
        {
            double entry = -Factor(k, feature);
            for (int l = feature + 1; l < k; l++)
            {
                entry -= Factor(k, l) * column[l];
            }

            column[k] = entry;
            inverse += entry * entry / _pivot[k];
        }

        return 1 / inverse;
    }

    // C = L D L' with ones on the diagonal of L. What is open is filled with some variance, and no right side has a part in it.
    private void Factorise()
    {
        int features = _layout.Features;
        double* products = _row + _layout.Planes + features;
        for (int j = 0; j < features; j++)
        {
            _mean[j] = _row[_layout.Planes + j] / Sum;
            for (int k = 0; k <= j; k++)
            {
                double entry = (*products++ / Sum) - (_mean[j] * _mean[k]) + (_filling * _keys.Open(j, k));
                entry = !IsFixed(j) && !IsFixed(k) ? entry : j == k ? 1 : 0;
                for (int l = 0; l < k; l++)
                {
                    entry -= Factor(j, l) * _pivot[l] * Factor(k, l);
                }

                if (k < j)
                {
                    _factor[(j * features) + k] = entry / _pivot[k];
                }
                else
                {
                    _pivot[j] = entry;
                }
            }
        }
    }

    // A mean square of the features that have a part in what is open.
    private double Filling()
    {
        double squares = 0;
        double parts = 0;
        for (int j = 0; j < _layout.Features; j++)
        {
            squares += _keys.Open(j, j) * Square(j) / Sum;
            parts += _keys.Open(j, j);
        }

        return squares > 0 ? squares / parts : 1;
    }

    private double Square(int feature) => _row[_layout.Planes + _layout.Features + (feature * (feature + 3) / 2)];

    // Whether no key differs from where positions count from in a feature.
    private bool IsFixed(int feature) => Square(feature) == 0;

    private double Factor(int row, int column) => _factor[(row * _layout.Features) + column];

    private void SolveFor(double* numbers)
    {
        int features = _layout.Features;
        for (int j = 0; j < features; j++)
        {
            for (int l = 0; l < j; l++)
            {
                numbers[j] -= Factor(j, l) * numbers[l];
            }
        }

        for (int j = features - 1; j >= 0; j--)
        {
            numbers[j] /= _pivot[j];
            for (int l = j + 1; l < features; l++)
            {
                numbers[j] -= Factor(l, j) * numbers[l];
            }
        }
    }
}
