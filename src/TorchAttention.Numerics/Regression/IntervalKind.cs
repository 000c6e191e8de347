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
    /// A new observation: f(q) -/+ Q sqrt(v(q) (1 + sum l_i^2)), where Q is a quantile of what all others' curve is off
    /// at each example, in its own such deviations: the studentised jackknife.
    /// </summary>
    NewObservation,

    /// <summary>
    /// A new observation where the noise is skewed: as <see cref="NewObservation"/>, with a quantile for each side, of the residuals near
    /// the query.
    /// </summary>
    NewObservationQuantiles,

    /// <summary>
    /// A new observation by the jackknife+ (R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, 2021), which covers it with a
    /// probability of at least 1 - 2 alpha at the level 1 - alpha, whatever the noise and the curve are, where examples and query are
    /// exchangeable and the bandwidth was not chosen by the examples: with f_-i(q) the curve of all examples but i, of which each is
    /// computed, and r_i = |y_i - f_-i(x_i)|, the ends are the floor(alpha (n + 1))-th smallest f_-i(q) - r_i and the ceil((1 - alpha) (n +
    /// 1))-th smallest f_-i(q) + r_i; infinite where there are fewer examples. Costs n for each query.
    /// </summary>
    JackknifePlus,
}
