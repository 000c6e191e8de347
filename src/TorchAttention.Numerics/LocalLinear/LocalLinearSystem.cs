namespace TorchAttention.Numerics.LocalLinear;

/// <summary>The small system of one query: its moments, its solution, and what its gradients are made of.</summary>
/// <param name="d">The directions.</param>
/// <param name="c">The columns of values.</param>
internal sealed class LocalLinearSystem(int d, int c)
{
    // The part of a diagonal element that is left when the other directions say it all.
    private const double LeastPivot = 1e-13;

    private readonly double[] _factor = new double[d * d];
    private readonly double[] _solution = new double[d];

    /// <summary>The sum of the weights.</summary>
    public double WeightSum { get; set; }

    /// <summary>sum w u (d), and S1 of a query whose gradients are computed.</summary>
    public double[] Mean { get; } = new double[d];

    /// <summary>sum w u u' (d, d), the lower half.</summary>
    public double[] Squares { get; } = new double[d * d];

    /// <summary>sum w v (c).</summary>
    public double[] Values { get; } = new double[c];

    /// <summary>sum w u v' (d, c).</summary>
    public double[] Products { get; } = new double[d * c];

    /// <summary>rho (d).</summary>
    public double[] Rho { get; } = new double[d];

    /// <summary>beta = B g_a (d).</summary>
    public double[] Slope { get; } = new double[d];

    /// <summary>G = 2 lambda (rho.beta) S1 (d): by what the ridge's growth pulls at S1.</summary>
    public double[] Pull { get; } = new double[d];

    /// <summary>ybar = g_a.T0.</summary>
    public double Level { get; private set; }

    /// <summary>z = sum p t e.</summary>
    public double Balance { get; private set; }

    /// <summary>The gradient by lambda.</summary>
    public double ByRidge { get; private set; }

    public void Clear()
    {
        WeightSum = 0;
        Array.Clear(Mean);
        Array.Clear(Squares);
        Array.Clear(Values);
        Array.Clear(Products);
    }

    /// <summary>Solves, and writes what was found of a query.</summary>
    public void Solve(int query, LocalLinearRows rows, double ridge)
    {
        rows.WeightSum[query] = WeightSum;
        Span<double> mean = rows.Mean.AsSpan(query * d, d);
        Span<double> level = rows.Level.AsSpan(query * c, c);
        double length = 0;
        for (int j = 0; j < d; j++)
        {
            mean[j] = Mean[j] / WeightSum;
            length += mean[j] * mean[j];
        }

        for (int k = 0; k < c; k++)
        {
            level[k] = Values[k] / WeightSum;
        }

        Factor(mean, ridge * (1 + length));
        Span<double> rho = rows.Rho.AsSpan(query * d, d);
        SolveFor(mean, rho);
        Span<double> slopes = rows.Slopes.AsSpan(query * d * c, d * c);
        Span<double> right = stackalloc double[d];
        for (int k = 0; k < c; k++)
        {
            for (int j = 0; j < d; j++)
            {
                right[j] = (Products[(j * c) + k] / WeightSum) - (mean[j] * level[k]);
            }

            SolveFor(right, _solution);
            double output = level[k];
            for (int j = 0; j < d; j++)
            {
                slopes[(j * c) + k] = _solution[j];
                output -= _solution[j] * mean[j];
            }

            rows.Outputs[(query * c) + k] = output;
        }
    }

    /// <summary>Takes what was found of a query, for its gradients.</summary>
    /// <param name="query">The query.</param>
    /// <param name="rows">What was found.</param>
    /// <param name="ridge">lambda.</param>
    /// <param name="factors">g_a (c).</param>
    public void Prepare(int query, LocalLinearRows rows, double ridge, ReadOnlySpan<double> factors)
    {
        rows.Mean.AsSpan(query * d, d).CopyTo(Mean);
        rows.Rho.AsSpan(query * d, d).CopyTo(Rho);
        Level = 0;
        for (int k = 0; k < c; k++)
        {
            Level += factors[k] * rows.Level[(query * c) + k];
        }

        (double length, double both) = (0, 0);
        for (int j = 0; j < d; j++)
        {
            Slope[j] = 0;
            for (int k = 0; k < c; k++)
            {
                Slope[j] += factors[k] * rows.Slopes[(((query * d) + j) * c) + k];
            }

            length += Mean[j] * Mean[j];
            both += Rho[j] * Slope[j];
        }

        ByRidge = both * (1 + length);
        Balance = -ridge * ByRidge;
        for (int j = 0; j < d; j++)
        {
            Pull[j] = 2 * ridge * both * Mean[j];
        }
    }

    // C = L L', with a column of zeros for a direction that the others say all of.
    private void Factor(ReadOnlySpan<double> mean, double ridge)
    {
        for (int j = 0; j < d; j++)
        {
            for (int k = 0; k <= j; k++)
            {
                double element = (Squares[(j * d) + k] / WeightSum) - (mean[j] * mean[k]) + (j == k ? ridge : 0);
                double whole = element;
                for (int i = 0; i < k; i++)
                {
                    element -= _factor[(j * d) + i] * _factor[(k * d) + i];
                }

                double pivot = _factor[(k * d) + k];
                _factor[(j * d) + k] = k < j ? (pivot > 0 ? element / pivot : 0)
                    : element > LeastPivot * Math.Max(whole, Squares[(j * d) + j] / WeightSum) || (ridge > 0 && element > 0)
                        ? Math.Sqrt(element) : 0;
            }
        }
    }

    private void SolveFor(ReadOnlySpan<double> right, Span<double> solution)
    {
        for (int j = 0; j < d; j++)
        {
            double sum = right[j];
            for (int k = 0; k < j; k++)
            {
                sum -= _factor[(j * d) + k] * solution[k];
            }

            double pivot = _factor[(j * d) + j];
            solution[j] = pivot > 0 ? sum / pivot : 0;
        }

        for (int j = d - 1; j >= 0; j--)
        {
            double sum = solution[j];
            for (int k = j + 1; k < d; k++)
            {
                sum -= _factor[(k * d) + j] * solution[k];
            }

            double pivot = _factor[(j * d) + j];
            solution[j] = pivot > 0 ? sum / pivot : 0;
        }
    }
}
