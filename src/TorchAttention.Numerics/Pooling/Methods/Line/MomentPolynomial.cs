namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>
/// A kernel's polynomial in moments: for keys on one side of the query, sum_i K(|t - u_i|) = sum_j e_j(t) M_j with the moments M_j = sum_i
/// u_i^j.
/// </summary>
/// <remarks>
/// e_j(t) = (-1)^j sum_k c_k sigma^k binomial(k, j) t^(k-j), where sigma is 1 for keys left of the query and -1 for keys right of it. Where
/// all powers k of a kernel are multiples of some step, e_j is a power of t below the step times a polynomial in t^step, and is evaluated
/// so.
/// </remarks>
internal sealed unsafe class MomentPolynomial : IDisposable
{
    private readonly Scratch _coefficients;
    private readonly int _step;

    /// <summary>Expands a polynomial.</summary>
    /// <param name="coefficients">c, in powers of the distance.</param>
    /// <param name="sign">sigma, 1 or -1.</param>
    public MomentPolynomial(ReadOnlySpan<double> coefficients, int sign)
    {
        Count = coefficients.Length;
        _coefficients = new Scratch((long)Count * (Count + 1) / 2 * sizeof(double));
        _step = StepOf(coefficients);
        double* next = _coefficients.As<double>();
        for (int j = 0; j < Count; j++)
        {
            // From the highest power down, as they are evaluated.
            for (int k = Count - 1; k >= j; k--)
            {
                if (k % _step == 0)
                {
                    double signed = sign < 0 && k % 2 == 1 ? -coefficients[k] : coefficients[k];
                    *next++ = (j % 2 == 0 ? signed : -signed) * Binomial(k, j);
                }
            }
        }
    }

    /// <summary>The number of moments.</summary>
    public int Count { get; }

    /// <summary>The factors e_j of the moments for a query.</summary>
    /// <param name="t">The query from the middle of the keys' cell, in bandwidths.</param>
    /// <param name="factors">Where they go (<see cref="Count"/>).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(double t, double* factors)
    {
        double* next = _coefficients.As<double>();
        double square = t * t;
        double power = _step == 1 ? t : _step == 2 ? square : square * t;
        int last = Count - 1;
        int beyond = 0;
        for (int j = 0; j <= last; j++)
        {
            double sum = *next++;
            for (int k = last - _step; k >= j; k -= _step)
            {
                sum = (sum * power) + *next++;
            }

            factors[j] = beyond == 0 ? sum : beyond == 1 ? sum * t : sum * square;
            beyond = beyond == 0 ? _step - 1 : beyond - 1;
        }
    }

    public void Dispose() => _coefficients.Dispose();

    // 1, 2 or 3: powers of t up to the second are at hand.
    private static int StepOf(ReadOnlySpan<double> coefficients)
    {
        for (int step = 3; step > 1; step--)
        {
            bool fits = (coefficients.Length - 1) % step == 0;
            for (int k = 0; k < coefficients.Length; k++)
            {
                fits &= k % step == 0 || coefficients[k] == 0;
            }

            if (fits)
            {
                return step;
            }
        }

        return 1;
    }

    private static double Binomial(int n, int k)
    {
        double binomial = 1;
        for (int i = 1; i <= k; i++)
        {
            binomial = binomial * (n - k + i) / i;
        }

        return binomial;
    }
}
