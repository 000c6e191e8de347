namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// The matrix A = sum s K z z' + diag(0, L, .., L) of a query's fit, factored as R D R' with R lower triangular, and what follows from it.
/// </summary>
/// <remarks>
/// With a = A^-1 e_0 the value is a' sum s K z v, the weight of an example l_i = s_i K_i a' z_i, and that of one at the query itself a_0.
/// With a ridge L every pivot is positive. Without one a term whose pivot is rounding is left out: higher powers, which come last, before
/// lower ones.
/// </remarks>
internal sealed class LocalSystem(PolynomialLayout layout, double ridge)
{
    /// <summary>The part of a diagonal element that is left when the other terms say it all.</summary>
    public const double LeastPivot = 1e-11;

    private readonly double[] _factor = new double[layout.Terms * layout.Terms];
    private readonly double[] _pivots = new double[layout.Terms];
    private readonly double[] _right = new double[layout.Terms];

    private int Terms => layout.Terms;

    /// <summary>L.</summary>
    public double Ridge { get; } = ridge;

    /// <summary>a.</summary>
    public double[] Weights { get; } = new double[layout.Terms];

    /// <summary>Whether a slope was left out.</summary>
    public bool IsLevel => _pivots.AsSpan(1, layout.Features).Contains(0);

    /// <summary>Factors the matrix, and finds a.</summary>
    /// <param name="row">The sums.</param>
    /// <param name="isConstant">Whether all terms but the first are to be left out.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Factor(ReadOnlySpan<double> row, bool isConstant)
    {
        Array.Clear(_factor);
        for (int j = 0; j < Terms; j++)
        {
            double diagonal = row[layout.Product(j, j)] + (j > 0 ? Ridge : 0);
            double pivot = diagonal;
            for (int k = 0; k < j; k++)
            {
                double element = _factor[(j * Terms) + k];
                pivot -= element * element * _pivots[k];
            }

            bool isIn = pivot > (Ridge > 0 ? 0 : LeastPivot * diagonal) && !(isConstant && j > 0);
            _pivots[j] = isIn ? pivot : 0;
            for (int i = j + 1; isIn && i < Terms; i++)
            {
                double element = row[layout.Product(i, j)];
                for (int k = 0; k < j; k++)
                {
                    element -= _factor[(i * Terms) + k] * _factor[(j * Terms) + k] * _pivots[k];
                }

                _factor[(i * Terms) + j] = element / pivot;
            }
        }

        Array.Clear(_right);
        _right[0] = 1;
        Solve(_right, Weights);
    }

    /// <summary>A^-1 e_j.</summary>
    public void SolveUnit(int term, Span<double> solution)
    {
        Array.Clear(_right);
        _right[term] = 1;
        Solve(_right, solution);
    }

    /// <summary>
    /// A mean has no slope among its terms: the coefficients c of its derivative's weights s_i K_i c' z_i / h, which of a Gaussian are
    /// (u_i - mean u) / h times its own.
    /// </summary>
    public static void SlopeOfMean(ReadOnlySpan<double> row, int feature, Span<double> coefficients)
    {
        coefficients.Clear();
        coefficients[0] = -row[1 + feature] / (row[0] * row[0]);
        coefficients[1 + feature] = 1 / row[0];
    }

    /// <summary>Solves A x = b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Solve(ReadOnlySpan<double> right, Span<double> solution)
    {
        for (int i = 0; i < Terms; i++)
        {
            double sum = right[i];
            for (int k = 0; k < i; k++)
            {
                sum -= _factor[(i * Terms) + k] * solution[k];
            }

            solution[i] = _pivots[i] > 0 ? sum : 0;
        }

        for (int i = Terms - 1; i >= 0; i--)
        {
            if (_pivots[i] == 0)
            {
                continue;
            }

            double sum = solution[i] / _pivots[i];
            for (int k = i + 1; k < Terms; k++)
            {
                sum -= _factor[(k * Terms) + i] * solution[k];
            }

            solution[i] = sum;
        }
    }

    /// <summary>The value of a column: beta_0.</summary>
    public double Value(ReadOnlySpan<double> row, int column) => Dot(Weights, row, column);

    /// <summary>The sum of coefficients times the sums of a column's values.</summary>
    public double Dot(ReadOnlySpan<double> coefficients, ReadOnlySpan<double> row, int column)
    {
        double sum = 0;
        int values = layout.Values + (column * layout.ValueTerms);
        for (int i = 0; i < coefficients.Length; i++)
        {
            sum += coefficients[i] * row[values + i];
        }

        return sum;
    }

    /// <summary>sum_i l_i^2 / s_i.</summary>
    public double SquaredWeights(ReadOnlySpan<double> row) => SquaredWeights(Weights, row);

    /// <summary>sum_i b_i^2 / s_i, where b_i = s_i K_i c' z_i.</summary>
    public double SquaredWeights(ReadOnlySpan<double> coefficients, ReadOnlySpan<double> row)
    {
        double sum = 0;
        for (int i = 0; i < Terms; i++)
        {
            for (int k = 0; k < Terms; k++)
            {
                sum += coefficients[i] * row[layout.Squares + layout.Product(i, k)] * coefficients[k];
            }
        }

        return sum;
    }

    /// <summary>b = A^-1 (dA / d log h_j) a, from which all derivatives by log h_j follow.</summary>
    public void Bend(ReadOnlySpan<double> row, int feature, Span<double> solution)
    {
        for (int i = 0; i < Terms; i++)
        {
            double sum = 0;
            for (int k = 0; k < Terms; k++)
            {
                int product = layout.Product(i, k);
                int exponent = layout.Powers.Exponent(product, feature);
                sum += (row[layout.SlopeWeights + layout.Raised(product, feature)] - (exponent * row[product])) * Weights[k];
            }

            _right[i] = sum;
        }

        Solve(_right, solution);
    }

    /// <summary>The derivative of the value by log h_j.</summary>
    /// <param name="row">The sums.</param>
    /// <param name="feature">j.</param>
    /// <param name="bend">What <see cref="Bend"/> gave.</param>
    /// <param name="column">The column of values.</param>
    public double Slope(ReadOnlySpan<double> row, int feature, ReadOnlySpan<double> bend, int column)
    {
        ReadOnlySpan<double> values = row[(layout.Values + (column * layout.ValueTerms))..];
        ReadOnlySpan<double> slopes = row[(layout.SlopeValues + (column * layout.SlopeValueTerms))..];
        double sum = 0;
        for (int i = 0; i < Terms; i++)
        {
            double moved = slopes[layout.Raised(i, feature)] - (layout.Powers.Exponent(i, feature) * values[i]);
            sum += (Weights[i] * moved) - (bend[i] * values[i]);
        }

        return sum;
    }
}
