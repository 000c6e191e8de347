namespace TorchAttention.Training;

/// <summary>
/// What Adam and AdamW have in common (D. P. Kingma and J. Ba, 2015): <c>m = b1 m + (1 - b1) g</c>, <c>s = b2 s + (1 - b2) g^2</c>,
/// <c>p = p - r / (1 - b1^t) m / (sqrt(s) / sqrt(1 - b2^t) + eps)</c>.
/// </summary>
/// <param name="Rate">r, the learning rate.</param>
/// <param name="Beta1">b1.</param>
/// <param name="Beta2">b2.</param>
/// <param name="Epsilon">eps.</param>
/// <param name="Count">t, this step's number, from 1.</param>
internal readonly record struct AdamStep(double Rate, double Beta1, double Beta2, double Epsilon, long Count)
{
    /// <summary>Takes the step: p, m and s change.</summary>
    /// <param name="parameter">p.</param>
    /// <param name="gradient">g.</param>
    /// <param name="mean">m.</param>
    /// <param name="square">s.</param>
    public void Take(Tensor parameter, Tensor gradient, Tensor mean, Tensor square)
    {
        using Scalar beta1 = Beta1;
        using Scalar beta2 = Beta2;
        using Scalar rest1 = 1 - Beta1;
        using Scalar rest2 = 1 - Beta2;
        using Scalar epsilon = Epsilon;
        using Scalar correction = Math.Sqrt(1 - Math.Pow(Beta2, Count));
        using Scalar rate = -Rate / (1 - Math.Pow(Beta1, Count));

        mean.mul_(beta1);
        mean.add_(gradient, rest1);
        square.mul_(beta2);
        square.addcmul_(gradient, gradient, rest2);
        Tensor width = square.sqrt().div_(correction).add_(epsilon, Held.One);
        parameter.addcdiv_(mean, width, rate);
    }
}
