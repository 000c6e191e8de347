using System.Collections.Concurrent;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>Nodes that functions of a cell are looked at: enough of them prove what a polynomial is off by in between.</summary>
internal sealed class CellBasis
{
    // Nodes for each term: as many as a search needs; for the kernel, what folds back is below 1e-30; for a proof: docs/certificates.md.
    private const int QuickNodes = 2;
    private const int KernelNodes = 4;
    private const int ProvingNodes = 6;
    private const int NodesForPowers = 20;

    private static readonly ConcurrentDictionary<(int Terms, int Nodes), CellBasis> _all = [];

    private readonly double[] _fromNodes;
    private readonly double[] _values;
    private readonly double[] _coefficients;

    private CellBasis(int nodes, int terms)
    {
        Places = Chebyshev.Nodes(nodes);
        Terms = terms;
        _fromNodes = Chebyshev.Coefficients(terms, terms);
        _values = Chebyshev.Values(nodes, terms);
        _coefficients = Chebyshev.Coefficients(nodes, terms);
    }

    /// <summary>The nodes.</summary>
    public double[] Places { get; }

    /// <summary>How many there are.</summary>
    public int Nodes => Places.Length;

    /// <summary>The coefficients of its polynomials.</summary>
    public int Terms { get; }

    /// <summary>Few nodes.</summary>
    public static CellBasis Quick(int terms) => Find(terms, QuickNodes);

    /// <summary>Nodes for a kernel's own series.</summary>
    public static CellBasis OfKernel(int terms) => Find(terms, KernelNodes);

    /// <summary>Many nodes.</summary>
    public static CellBasis Proving(int terms) => Find(terms, ProvingNodes);

    /// <summary>As many as a proof with weights needs, which has powers of quotients.</summary>
    public static CellBasis OfPowers(int terms) => Find(terms, NodesForPowers);

    /// <summary>The polynomial through values at as many nodes as it has terms.</summary>
    public void Interpolate(ReadOnlySpan<double> atNodes, Span<double> polynomial) =>
        Chebyshev.Combine(atNodes, _fromNodes, polynomial);

    /// <summary>A polynomial's values at the nodes.</summary>
    public void Evaluate(ReadOnlySpan<double> polynomial, Span<double> values) => Chebyshev.Combine(polynomial, _values, values);

    /// <summary>The polynomial that is nearest to values at the nodes.</summary>
    public void Fit(ReadOnlySpan<double> values, Span<double> polynomial) => Chebyshev.Combine(values, _coefficients, polynomial);

    /// <summary>How much more than at the nodes a polynomial of a degree may be between them.</summary>
    public double Between(int degree) => 1 / Math.Cos(Math.PI * degree / (2 * Nodes));

    /// <summary>The least that a polynomial of a degree is anywhere, by its values at the nodes.</summary>
    public double Least(ReadOnlySpan<double> values, int degree)
    {
        (double least, double most) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (double value in values)
        {
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        }

        return ((most + least) / 2) - (Between(degree) * (most - least) / 2);
    }

    private static CellBasis Find(int terms, int nodes) =>
        _all.GetOrAdd((terms, nodes), static key => new CellBasis(key.Nodes * key.Terms, key.Terms));
}
