namespace TorchAttention.Numerics.LocalLinear;

/// <summary>The gradients of a sum over the outputs, each times its own factor.</summary>
/// <param name="Queries">By q (m, d).</param>
/// <param name="Keys">By k (n, d); empty where not asked for.</param>
/// <param name="Values">By v (n, c); empty where not asked for.</param>
/// <param name="Scale">By g (d).</param>
/// <param name="Ridge">By lambda.</param>
internal sealed record LocalLinearGradients(double[] Queries, double[] Keys, double[] Values, double[] Scale, double Ridge);
