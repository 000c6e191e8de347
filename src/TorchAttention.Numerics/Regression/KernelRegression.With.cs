namespace TorchAttention.Numerics.Regression;

/// <content>The same examples, fitted otherwise.</content>
public sealed partial class KernelRegression
{
    /// <summary>
    /// The same examples with another kernel, degree or bandwidth; what was prepared of them, their order say, is not prepared again.
    /// </summary>
    /// <param name="options">How; one degree, and bandwidths that are given.</param>
    /// <param name="keepsNoise">
    /// Whether the noise is taken as this model found it, whose width alone costs 25 sums over the examples; else it is measured anew.
    /// </param>
    /// <exception cref="ArgumentException">An option out of its range, or a bandwidth that is to be searched.</exception>
    internal KernelRegression With(KernelRegressionOptions options, bool keepsNoise)
    {
        RegressionCheck.Options(options);
        RegressionCheck.Share(options, Features);
        RegressionCheck.Terms(options, Features);
        if (options.Bandwidth.Values.Count == 0 || options.Degrees.Count > 0)
        {
            throw new ArgumentException($"Expected bandwidths and one degree, got {options.Bandwidth}.", nameof(options));
        }

        (double[] bandwidths, _) = Choose(_data, options, null, CancellationToken.None);
        return new KernelRegression(_data, _order, bandwidths, options, null, null, _unweighted, noise: keepsNoise ? _noise : null)
        {
            Classes = Classes,
        };
    }
}
