using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>How a local likelihood fit describes its data, with weights s of mean 1.</summary>
public sealed record LikelihoodDiagnostics
{
    /// <summary>
    /// D = sum_i s_i d(y_i, mu_i), d twice what the logarithm of y_i's probability is less than at mu_i = y_i: of 0 and 1
    /// -2 ln p(y_i), of counts 2 (y ln(y / mu) - y + mu).
    /// </summary>
    public required double Deviance { get; init; }

    /// <summary>The deviance of the mean of all values.</summary>
    public required double NullDeviance { get; init; }

    /// <summary>
    /// The mean over the examples of d(y_i, mu_-i(x_i)), with mu_-i fitted without the example i: each is fitted again. One that no other
    /// reaches is judged by the mean of all values.
    /// </summary>
    public required double LeaveOneOutDeviance { get; init; }

    /// <summary>
    /// sum_i h_i, h_i = s_i K(0) V(mu_i) (A^-1)_00, with A the matrix of the fit at x_i: how much each value moves its own fit.
    /// </summary>
    public required double EffectiveDegreesOfFreedom { get; init; }

    /// <summary>D + 2 k, with k the effective degrees of freedom (H. Akaike, 1974).</summary>
    public double AIC => Deviance + (2 * EffectiveDegreesOfFreedom);

    /// <summary>
    /// sum_i s_i (y_i - mu_i)^2 / V(mu_i) / (n - k): near 1 where values vary as the family says. Of counts often more, and intervals are
    /// too narrow by its root. NaN where no freedom is left.
    /// </summary>
    public required double Dispersion { get; init; }

    /// <summary>The mean of s_i (y_i - mu_-i(x_i))^2: of 0 and 1 the Brier score.</summary>
    public required double LeaveOneOutError { get; init; }

    /// <summary>The numbers below one another.</summary>
    public override string ToString() => ResultText.List(
        ("deviance", ResultText.Short(Deviance)),
        ("deviance of the mean", ResultText.Short(NullDeviance)),
        ("leave-one-out deviance (mean)", ResultText.Short(LeaveOneOutDeviance)),
        ("effective degrees of freedom", ResultText.Short(EffectiveDegreesOfFreedom)),
        ("AIC", ResultText.Short(AIC)),
        ("dispersion", ResultText.Short(Dispersion)));

    internal double[] ToNumbers() =>
        [Deviance, NullDeviance, LeaveOneOutDeviance, EffectiveDegreesOfFreedom, Dispersion, LeaveOneOutError];

    internal static LikelihoodDiagnostics Read(ReadOnlySpan<double> numbers) => new()
    {
        Deviance = numbers[0],
        NullDeviance = numbers[1],
        LeaveOneOutDeviance = numbers[2],
        EffectiveDegreesOfFreedom = numbers[3],
        Dispersion = numbers[4],
        LeaveOneOutError = numbers[5],
    };
}
