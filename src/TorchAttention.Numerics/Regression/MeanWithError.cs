namespace TorchAttention.Numerics.Regression;

/// <summary>A mean over examples, and its standard error.</summary>
/// <param name="Value">sum s_i l_i / sum s_i; NaN where there are no examples.</param>
/// <param name="StandardError">
/// sqrt(n / (n - 1) sum s_i^2 (l_i - mean)^2) / sum s_i; NaN where there are fewer than two examples.
/// </param>
public readonly record struct MeanWithError(double Value, double StandardError)
{
    /// <summary>That of losses.</summary>
    /// <param name="losses">The losses l (n); NaN where there is none.</param>
    /// <param name="weights">The weights s (n); empty where each is 1.</param>
    internal static MeanWithError Of(IReadOnlyList<double> losses, IReadOnlyList<double> weights)
    {
        (double Loss, double Weight)[] known =
            [.. losses.Select((loss, i) => (loss, weights.Count == 0 ? 1 : weights[i])).Where(one => !double.IsNaN(one.loss))];
        double total = known.Sum(one => one.Weight);
        double mean = known.Sum(one => one.Weight * one.Loss) / total;
        double squares = known.Sum(one => Math.Pow(one.Weight * (one.Loss - mean), 2));
        return new MeanWithError(mean, Math.Sqrt(squares * known.Length / (known.Length - 1.0)) / total);
    }
}
