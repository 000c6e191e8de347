namespace TorchAttention.Numerics.Regression;

/// <summary>What <see cref="Predictions.Lower"/> and <see cref="Predictions.Upper"/> are the ends of.</summary>
public enum IntervalKind
{
    /// <summary>
    /// The mean with errors of one variance and without the curve's own bias: f(q) -/+ t s sqrt(sum l_i^2), t Student's. It covers the
    /// true mean less often than it says, for a bandwidth that balances noise and bias leaves as much of the one as of the other.
    /// </summary>
    MeanWithoutBias,

    /// <summary>
    /// The mean, with the bias and with noise that differs from place to place: f(q) -/+ t sqrt(v(q) sum c_i^2 + (g(q) - f(q))^2), where g
    /// is a polynomial of higher degree, its weights c, and v the noise's local variance.
    /// </summary>
    Mean,

    /// <summary>
    /// A new observation: f(q) -/+ Q sqrt(v(q) (1 + sum l_i^2)), where Q is the studentised residuals' own quantile, of the jackknife.
    /// </summary>
    NewObservation,

    /// <summary>
    /// A new observation where the noise is skewed: as <see cref="NewObservation"/>, with a quantile for each side, of the residuals near
    /// the query.
    /// </summary>
    NewObservationQuantiles,
}
