namespace TorchAttention.Numerics.Regression;

/// <summary>What the weights s_i of examples say. The curve is the same; what the examples say of its error is not.</summary>
public enum WeightMeaning
{
    /// <summary>
    /// How precise each value is: the variance of its noise is sigma^2 / s_i, as of a mean of s_i measurements. An example is one of n, and
    /// is left out whole; only the weights' ratios matter, and sigma is the noise of an example of the mean weight.
    /// </summary>
    Precisions,

    /// <summary>
    /// How many examples each stands for, a whole number: everything is as if it stood in the data so often. n is the sum of the weights,
    /// and leave-one-out leaves out one copy.
    /// </summary>
    Frequencies,
}
