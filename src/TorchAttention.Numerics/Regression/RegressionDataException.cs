namespace TorchAttention.Numerics.Regression;

/// <summary>Data that a regression or a bandwidth rule cannot use, said in one line: what was expected and what came.</summary>
/// <param name="message">The line.</param>
public sealed class RegressionDataException(string message) : Exception(message);
