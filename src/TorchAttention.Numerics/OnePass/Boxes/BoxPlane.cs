using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The mean or the plane at four places at once by their sums, as <see cref="PlaneFit"/> has it at one: with the weighted mean m and the
/// covariance C of the ways p from a place to rows, and C a = -m, the part of a row in the height is s K (1 + (p - m)' a) / sum s K. A mean
/// has no a.
/// </summary>
/// <param name="layout">The sums.</param>
/// <param name="span">What all rows leave open: there the plane is level.</param>
internal sealed class BoxPlane(BoxLayout layout, BoxSpan span) : IPlane
{
    /// <summary>How many places there are.</summary>
    public const int Lanes = 4;

    // What a feature varies by for given others is to be known to this part.
    private const double LeastKnown = 1e-6;

    private readonly Vector256<double>[] _sums = new Vector256<double>[layout.Count];
    private readonly Vector256<double>[] _mean = new Vector256<double>[layout.Features];
    private readonly Vector256<double>[] _pivot = new Vector256<double>[layout.Features];
    private readonly Vector256<double>[] _factor = new Vector256<double>[layout.Features * layout.Features];
    private readonly Vector256<double>[] _a = new Vector256<double>[layout.Features];
    private readonly Vector256<double>[] _slopes = new Vector256<double>[layout.Features];
    private Vector256<double> _inverse;
    private Vector256<double> _constant;
    private int _directions;

    /// <summary>1 + m'C^-1 m by the sum of the weights: a row's own part, by its weight.</summary>
    public Vector256<double> Own => _constant * _inverse;

    /// <summary>The determinant of the products of 1 and p with their weights.</summary>
    public Vector256<double> Determinant
    {
        get
        {
            Vector256<double> weight = _sums[0];
            Vector256<double> determinant = weight;
            for (int j = 0; j < _directions; j++)
            {
                determinant *= weight * _pivot[j];
            }

            return determinant;
        }
    }

    /// <inheritdoc/>
    bool IPlane.IsLevel => _directions == 0 || span.Rank < _directions;

    /// <inheritdoc/>
    double IPlane.OwnWeight => Own.ToScalar();

    /// <summary>Takes the sums at four nodes.</summary>
    /// <param name="sums">The sums, each at all nodes.</param>
    /// <param name="node">The first of the four.</param>
    public void Set(double[][] sums, int node)
    {
        for (int i = 0; i < _sums.Length; i++)
        {
            _sums[i] = Vector256.Create(sums[i].AsSpan(node, Lanes));
        }
    }

    /// <summary>Takes the sums at one place.</summary>
    public void Set(ReadOnlySpan<double> sums)
    {
        for (int i = 0; i < _sums.Length; i++)
        {
            _sums[i] = Vector256.Create(sums[i]);
        }
    }

    /// <summary>Fits means.</summary>
    public void SolveMeans()
    {
        _directions = 0;
        (_inverse, _constant) = (Vector256<double>.One / _sums[0], Vector256<double>.One);
    }

    /// <summary>Fits planes, or means where the degree is 0.</summary>
    /// <param name="off">What a sum of weights is off by.</param>
    /// <returns>False where a place's sums say too little.</returns>
    public bool TrySolve(double off)
    {
        SolveMeans();
        if (layout.Degree == 0)
        {
            return true;
        }

        _directions = layout.Features;
        int[] weights = layout.Weights;
        int product = 1 + _directions;
        ReadOnlySpan<double> open = span.Open;
        Vector256<double> filling = open.Length > 0 ? Filling() : default;
        Vector256<double> square = Vector256<double>.One;
        for (int j = 0; j < _directions; j++)
        {
            _mean[j] = _sums[weights[1 + j]] * _inverse;
            for (int k = 0; k <= j; k++)
            {
                Vector256<double> entry = _sums[weights[product++]] * _inverse;
                square += k == j ? entry : default;
                entry -= _mean[j] * _mean[k];
                entry += open.Length > 0 ? filling * open[(j * _directions) + k] : default;
                for (int l = 0; l < k; l++)
                {
                    entry -= Factor(j, l) * _pivot[l] * Factor(k, l);
                }

                (k < j ? ref Factor(j, k) : ref _pivot[j]) = k < j ? entry / _pivot[k] : entry;
            }
        }

        // What a feature varies by for given others is 1 / (C^-1)_jj, and C^-1 = L'^-1 D^-1 L^-1.
        Vector256<double> least = Vector256.Create(off / LeastKnown) * _inverse * square;
        Vector256<double> known = Vector256.GreaterThan(_sums[0], default);
        for (int j = 0; j < _directions; j++)
        {
            Vector256<double> variance = Vector256<double>.One / _pivot[j];
            for (int k = j + 1; k < _directions; k++)
            {
                Vector256<double> entry = -Factor(k, j);
                for (int l = j + 1; l < k; l++)
                {
                    entry -= Factor(k, l) * _a[l];
                }

                _a[k] = entry;
                variance += entry * entry / _pivot[k];
            }

            known &= Vector256.GreaterThan(_pivot[j], default) & Vector256.GreaterThan(Vector256<double>.One, least * variance);
        }

        for (int j = 0; j < _directions; j++)
        {
            _a[j] = -_mean[j];
            for (int k = 0; k < _directions && open.Length > 0; k++)
            {
                _a[j] += open[(j * _directions) + k] * _mean[k];
            }
        }

        SolveFor(_a);
        for (int j = 0; j < _directions; j++)
        {
            _constant -= _a[j] * _mean[j];
        }

        return known.AsUInt64() == Vector256<ulong>.AllBitsSet;
    }

    /// <summary>The height of a column.</summary>
    public Vector256<double> Height(int column)
    {
        int[] products = layout.Products[column];
        Vector256<double> mean = _sums[products[0]] * _inverse;
        Vector256<double> height = mean;
        for (int j = 0; j < _directions; j++)
        {
            height += _a[j] * ((_sums[products[1 + j]] * _inverse) - (_mean[j] * mean));
        }

        return height;
    }

    /// <inheritdoc/>
    public void SolveSlopes(int column)
    {
        int[] products = layout.Products[column];
        Vector256<double> mean = _sums[products[0]] * _inverse;
        for (int j = 0; j < _directions; j++)
        {
            _slopes[j] = (_sums[products[1 + j]] * _inverse) - (_mean[j] * mean);
        }

        SolveFor(_slopes);
    }

    /// <summary>The derivative of the height of a column, of which slopes were solved for last, by log h_j.</summary>
    public Vector256<double> HeightChange(int feature, int column)
    {
        int[] weights = layout.WeightsByLog[feature];
        int[] products = layout.ProductsByLog[feature][column];
        Vector256<double> height = Height(column);
        Vector256<double> change = _constant * (_sums[products[0]] - (height * _sums[weights[0]]));
        int product = 1 + _directions;
        for (int j = 0; j < _directions; j++)
        {
            change += (_a[j] * _sums[products[1 + j]]) - (((_constant * _slopes[j]) + (height * _a[j])) * _sums[weights[1 + j]]);
            for (int k = 0; k <= j; k++)
            {
                Vector256<double> both = _a[j] * _slopes[k];
                change -= (k < j ? both + (_a[k] * _slopes[j]) : both) * _sums[weights[product++]];
            }
        }

        return change * _inverse;
    }

    /// <summary>The derivative of <see cref="Own"/> by log h_j.</summary>
    public Vector256<double> OwnChange(int feature) => -Form(layout.WeightsByLog[feature]);

    /// <summary>sum_i l_i^2 / s_i.</summary>
    public Vector256<double> Parts() => Form(layout.Squares);

    /// <inheritdoc/>
    double IPlane.Height(int column) => Height(column).ToScalar();

    /// <inheritdoc/>
    double IPlane.Slope(int feature) => _directions == 0 ? 0 : _slopes[feature].ToScalar();

    /// <inheritdoc/>
    double IPlane.SquaredWeights() => Parts().ToScalar();

    /// <inheritdoc/>
    double IPlane.HeightChange(int feature, int column) => HeightChange(feature, column).ToScalar();

    /// <inheritdoc/>
    double IPlane.OwnWeightChange(int feature) => OwnChange(feature).ToScalar();

    // sum x (1 + (p - m)' a)^2 by (sum s K)^2, from the sums of x, of x p and of x p p'.
    private Vector256<double> Form(int[] sums)
    {
        Vector256<double> sum = _constant * _constant * _sums[sums[0]];
        int product = 1 + _directions;
        for (int j = 0; j < _directions; j++)
        {
            sum += 2 * _constant * _a[j] * _sums[sums[1 + j]];
            for (int k = 0; k <= j; k++)
            {
                sum += (k < j ? 2 : 1) * _a[j] * _a[k] * _sums[sums[product++]];
            }
        }

        return sum * _inverse * _inverse;
    }

    // As much as the features vary in all, for directions that are open: right sides have no part in these.
    private Vector256<double> Filling()
    {
        Vector256<double> variance = default;
        for (int j = 0; j < _directions; j++)
        {
            Vector256<double> mean = _sums[layout.Weights[1 + j]] * _inverse;
            int square = 1 + _directions + (j * (j + 3) / 2);
            variance += (_sums[layout.Weights[square]] * _inverse) - (mean * mean);
        }

        return variance;
    }

    private void SolveFor(Vector256<double>[] numbers)
    {
        for (int j = 0; j < _directions; j++)
        {
            for (int l = 0; l < j; l++)
            {
                numbers[j] -= Factor(j, l) * numbers[l];
            }
        }

        for (int j = _directions - 1; j >= 0; j--)
        {
            numbers[j] /= _pivot[j];
            for (int l = j + 1; l < _directions; l++)
            {
                numbers[j] -= Factor(l, j) * numbers[l];
            }
        }
    }

    private ref Vector256<double> Factor(int row, int column) => ref _factor[(row * layout.Features) + column];
}
