using TorchAttention.Numerics.Engine.Exact;

namespace TorchAttention.Numerics.Engine;

/// <summary>The plane through the values around a query by weighted least squares, from the query's sums.</summary>
/// <remarks>
/// <para>With the weighted mean m and covariance C of the positions p_i, and t the query's position, the height at the query is sum_i l_i v_i with
/// l_i = s_i K_i / sum s K (1 + (p_i - m)' a) and C a = t - m. Written so, no digits are lost where the query is far from all keys.</para>
/// <para>A direction in which the positions do not differ by more than their rounding is left out: the plane is level in it.</para>
/// </remarks>
internal readonly unsafe ref partial struct PlaneFit
{
    // The part of a squared distance that a variance must have to be known well enough.
    private const double LeastPart = 1e-4;
    private const double LeastPartOfSingle = 0.1;

    // The part up to which a variance is nothing but rounding.
    private const double Level = 1e-13;

    private readonly SumLayout _layout;
    private readonly double* _row;
    private readonly double* _mean;
    private readonly double* _factor;
    private readonly double* _pivot;
    private readonly double* _a;

    /// <summary>Prepares the fit.</summary>
    /// <param name="layout">Where the sums stand.</param>
    /// <param name="row">The sums.</param>
    /// <param name="memory">Scratch (<see cref="MemoryFor"/>).</param>
    public PlaneFit(in SumLayout layout, double* row, double* memory)
    {
        int features = layout.Features;
        _layout = layout;
        _row = row;
        _mean = memory;
        _pivot = _mean + features;
        _a = _pivot + features;
        Position = _a + features;
        Slopes = Position + features;
        _factor = Slopes + features;
        new Span<double>(memory, MemoryFor(features)).Clear();
        Factorise();
    }

    /// <summary>The query's position t (d), 0 at first.</summary>
    public double* Position { get; }

    /// <summary>The slopes that <see cref="SolveSlopes"/> found, by position (d).</summary>
    public double* Slopes { get; }

    private double Sum => _row[SumLayout.WeightSum];

    public static int MemoryFor(int features) => (5 * features) + (features * features);

    /// <summary>Whether sums about the query itself have lost too many digits for a plane.</summary>
    public static bool IsDoubtful(in SumLayout layout, double* row, bool isSingle)
    {
        double* memory = stackalloc double[MemoryFor(layout.Features)];
        var fit = new PlaneFit(layout, row, memory);
        double least = isSingle ? LeastPartOfSingle : LeastPart;
        double* products = row + layout.Planes + layout.Features;
        for (int j = 0; j < layout.Features; j++)
        {
            products += j;
            if (!(fit._pivot[j] >= least * *products++ / fit.Sum))
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

        SolveFor(_a);
    }

    /// <summary>The plane's height at the query for a column of values.</summary>
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

    /// <summary>Solves for the slopes of a column of values.</summary>
    public void SolveSlopes(int column)
    {
        double mean = _row[SumLayout.Values + column] / Sum;
        for (int j = 0; j < _layout.Features; j++)
        {
            Slopes[j] = WithValues(j, column, mean);
        }

        SolveFor(Slopes);
    }

    /// <summary>The weight of one more pair at the query.</summary>
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

    /// <summary>sum_i l_i r_i d_i for weights that change by the parts d_i, r_i the distance of a value from the plane: the change of the height.</summary>
    /// <remarks>Of a least-squares fit, that the weights of the sums change and the plane with them is in it: what the plane leaves is orthogonal to all planes.</remarks>
    /// <param name="feature">The feature whose sums hold s K d.</param>
    /// <param name="column">The column of values, for which <see cref="SolveSlopes"/> was called last.</param>
    public double HeightChange(int feature, int column)
    {
        double* sums = ChangesOf(feature);
        double* products = sums + _layout.Features;
        double* withValues = products + _layout.Products;
        double* ofWeights = _row + _layout.BandwidthGradient;
        double origin = Height(column);
        for (int j = 0; j < _layout.Features; j++)
        {
            origin -= Position[j] * Slopes[j];
        }

        double constant = Constant;
        double change = constant * (ofWeights[_layout.Features + (feature * _layout.Columns) + column] - (origin * ofWeights[feature]));
        for (int j = 0; j < _layout.Features; j++)
        {
            change += (_a[j] * withValues[(j * _layout.Columns) + column]) - (((constant * Slopes[j]) + (origin * _a[j])) * sums[j]);
            for (int k = 0; k <= j; k++)
            {
                change -= (k < j ? (_a[j] * Slopes[k]) + (_a[k] * Slopes[j]) : _a[j] * Slopes[j]) * *products++;
            }
        }

        return change / Sum;
    }

    /// <summary>The change of <see cref="OwnWeight"/> for weights that change so.</summary>
    /// <inheritdoc cref="HeightChange"/>
    public double OwnWeightChange(int feature)
    {
        double* sums = ChangesOf(feature);
        return -SquaredForm(_row[_layout.BandwidthGradient + feature], sums, sums + _layout.Features) / Sum / Sum;
    }

    /// <summary>sum_i l_i^2.</summary>
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

    // C = L D L' with ones on the diagonal of L.
    private void Factorise()
    {
        int features = _layout.Features;
        double* products = _row + _layout.Planes + features;
        for (int j = 0; j < features; j++)
        {
            _mean[j] = _row[_layout.Planes + j] / Sum;
            double square = 0;
            for (int k = 0; k <= j; k++)
            {
                square = *products++ / Sum;
                double entry = square - (_mean[j] * _mean[k]);
                for (int l = 0; l < k; l++)
                {
                    entry -= _factor[(j * features) + l] * _pivot[l] * _factor[(k * features) + l];
                }

                if (k < j)
                {
                    _factor[(j * features) + k] = _pivot[k] > 0 ? entry / _pivot[k] : 0;
                }
                else
                {
                    _pivot[j] = entry > Level * square ? entry : 0;
                }
            }
        }
    }

    private void SolveFor(double* numbers)
    {
        int features = _layout.Features;
        for (int j = 0; j < features; j++)
        {
            for (int l = 0; l < j; l++)
            {
                numbers[j] -= _factor[(j * features) + l] * numbers[l];
            }
        }

        for (int j = 0; j < features; j++)
        {
            numbers[j] = _pivot[j] > 0 ? numbers[j] / _pivot[j] : 0;
        }

        for (int j = features - 1; j >= 0; j--)
        {
            for (int l = j + 1; l < features; l++)
            {
                numbers[j] -= _factor[(l * features) + j] * numbers[l];
            }
        }
    }
}
