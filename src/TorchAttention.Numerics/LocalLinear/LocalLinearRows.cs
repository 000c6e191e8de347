namespace TorchAttention.Numerics.LocalLinear;

/// <summary>What is known of each query after its outputs, and what gradients are computed of.</summary>
internal sealed class LocalLinearRows(int queries, int features, int columns)
{
    /// <summary>a (m, c).</summary>
    public double[] Outputs { get; } = new double[queries * columns];

    /// <summary>The least |u|^2 (m); infinite where a query sees no key.</summary>
    public double[] Least { get; } = new double[queries];

    /// <summary>The sum of the weights relative to the nearest key's (m).</summary>
    public double[] WeightSum { get; } = new double[queries];

    /// <summary>S1 (m, d).</summary>
    public double[] Mean { get; } = new double[queries * features];

    /// <summary>rho (m, d).</summary>
    public double[] Rho { get; } = new double[queries * features];

    /// <summary>T0 (m, c).</summary>
    public double[] Level { get; } = new double[queries * columns];

    /// <summary>B (m, d, c): the plane's slopes.</summary>
    public double[] Slopes { get; } = new double[queries * features * columns];
}
