namespace TorchAttention.Numerics.OnePass;

/// <summary>Nodes that functions of a cell are looked at: enough of them prove what a polynomial is off by in between.</summary>
internal sealed class CellBasis
{
    public const int K = MomentGrid.Terms;

    /// <summary>As many as a search needs.</summary>
    public static readonly CellBasis Quick = new(2 * K);

    /// <summary>As many as a proof needs: docs/certificates.md.</summary>
    public static readonly CellBasis Proving = new(6 * K);

    private static readonly double[] _fromNodes = Chebyshev.Coefficients(K, K);
    private readonly double[] _values;
    private readonly double[] _coefficients;

    private CellBasis(int nodes)
    {
        Nodes = nodes;
        _values = Chebyshev.Values(nodes, K);
        _coefficients = Chebyshev.Coefficients(nodes, K);
    }

    public int Nodes { get; }

    /// <summary>The polynomial through values at K nodes.</summary>
    public static void Interpolate(ReadOnlySpan<double> atNodes, Span<double> polynomial) =>
        Chebyshev.Combine(atNodes, _fromNodes, polynomial);

    /// <summary>A polynomial's values at the nodes.</summary>
    public void Evaluate(ReadOnlySpan<double> polynomial, Span<double> values) => Chebyshev.Combine(polynomial, _values, values);

    /// <summary>The polynomial of the degree K - 1 that is nearest to values at the nodes.</summary>
    public void Fit(ReadOnlySpan<double> values, Span<double> polynomial) => Chebyshev.Combine(values, _coefficients, polynomial);

    /// <summary>How much more than at the nodes a polynomial of a degree may be between them.</summary>
    public double Between(int degree) => 1 / Math.Cos(Math.PI * degree / (2 * Nodes));
}
