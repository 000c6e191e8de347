namespace TorchAttention.Numerics.Engine.Line;

/// <summary>
/// A kernel's polynomial in moments: for keys on one side of the query, sum_i K(|t - u_i|) = sum_j e_j(t) M_j with the moments M_j = sum_i u_i^j.
/// </summary>
/// <remarks>e_j(t) = (-1)^j sum_k c_k sigma^k binomial(k, j) t^(k-j), where sigma is 1 for keys left of the query and -1 for keys right of it.</remarks>
internal sealed class MomentPolynomial
{
    private readonly double[][] _byMoment;

    /// <summary>Expands a polynomial.</summary>
    /// <param name="coefficients">c, in powers of the distance.</param>
    /// <param name="sign">sigma, 1 or -1.</param>
    public MomentPolynomial(ReadOnlySpan<double> coefficients, int sign)
    {
        Count = coefficients.Length;
        _byMoment = new double[Count][];
        for (int j = 0; j < Count; j++)
        {
            _byMoment[j] = new double[Count - j];
            double binomial = j % 2 == 0 ? 1 : -1;
            for (int k = j; k < Count; k++)
            {
                double signed = sign < 0 && k % 2 == 1 ? -coefficients[k] : coefficients[k];
                _byMoment[j][k - j] = signed * binomial;
                binomial = binomial * (k + 1) / (k + 1 - j);
            }
        }
    }

    /// <summary>The number of moments.</summary>
    public int Count { get; }

    /// <summary>The factors e_j of the moments for a query.</summary>
    /// <param name="t">The query from the middle of the keys' cell, in bandwidths.</param>
    /// <param name="factors">Where they go (<see cref="Count"/>).</param>
    public void Fill(double t, Span<double> factors)
    {
        for (int j = 0; j < _byMoment.Length; j++)
        {
            double[] powers = _byMoment[j];
            double sum = 0;
            for (int k = powers.Length - 1; k >= 0; k--)
            {
                sum = (sum * t) + powers[k];
            }

            factors[j] = sum;
        }
    }
}
