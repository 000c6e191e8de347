namespace TorchAttention.Numerics.Regression;

/// <summary>A mean over examples, and its standard error.</summary>
/// <param name="Value">sum s_i l_i / sum s_i; NaN where there are no examples.</param>
/// <param name="StandardError">
/// sqrt(n / (n - 1) sum s_i^2 (l_i - mean)^2) / sum s_i; NaN where there are fewer than two examples.
/// </param>
public readonly record struct MeanWithError(double Value, double StandardError);
