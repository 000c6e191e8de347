namespace TorchAttention.Pooling;

/// <summary>Numbers for operations on tensors that no collection frees while libtorch still reads them.</summary>
/// <remarks>
/// TorchSharp hands a number to libtorch by an object that nothing keeps alive during the call, and <c>a.add_(b)</c> has a hidden one, the factor
/// 1 of b. A collection at that moment makes the operation fail or compute with something else; inside a custom backward that ends the process.
/// </remarks>
internal static class Held
{
    public static readonly Scalar Zero = 0;
    public static readonly Scalar One = 1;
    public static readonly Scalar MinusSqrtTwo = -Math.Sqrt(2);
    public static readonly Scalar SqrtHalf = Math.Sqrt(0.5);
    public static readonly Scalar Infinity = double.PositiveInfinity;
}
