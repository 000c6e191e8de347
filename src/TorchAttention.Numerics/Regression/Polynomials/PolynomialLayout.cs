namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>Where the sums of one query stand in its row, and which of them the matrix of its fit has.</summary>
/// <remarks>
/// With z_a = u_1^a_1 .. u_d^a_d, u_j = (k_j - q_j) / h_j, the kernel K, its slope G and sample weights s: sum s K z_a up to twice the
/// degree; of each column of values sum s K z_a v up to the degree; for derivatives by log h the same with G in the place of K, both up to
/// two degrees more (the Gaussian is its own slope, and has one set of sums for both); at last sum s K^2 z_a up to twice the degree.
/// </remarks>
internal sealed class PolynomialLayout
{
    private readonly int[] _products;
    private readonly int[] _raised;

    public PolynomialLayout(int features, int columns, int degree, bool hasSquares, bool hasGradient, bool isOwnSlope)
    {
        (Features, Columns, HasGradient) = (features, columns, hasGradient);
        Powers = new Monomials(features, (2 * degree) + (hasGradient ? 2 : 0));
        Terms = Monomials.CountOf(features, degree);
        int ofProducts = Monomials.CountOf(features, 2 * degree);
        int ofRaised = Monomials.CountOf(features, degree + 2);
        HasSlopeSums = hasGradient && !isOwnSlope;
        WeightTerms = hasGradient && isOwnSlope ? Powers.Count : ofProducts;
        ValueTerms = hasGradient && isOwnSlope ? ofRaised : Terms;
        SlopeWeightTerms = hasGradient ? Powers.Count : 0;
        SlopeValueTerms = hasGradient ? ofRaised : 0;
        Values = WeightTerms;
        int end = Values + (columns * ValueTerms);
        (SlopeWeights, SlopeValues) = HasSlopeSums ? (end, end + SlopeWeightTerms) : (0, Values);
        end += HasSlopeSums ? SlopeWeightTerms + (columns * SlopeValueTerms) : 0;
        SquareTerms = hasSquares ? ofProducts : 0;
        Squares = end;
        Length = end + SquareTerms;
        _products = [.. Enumerable.Range(0, Terms * Terms).Select(i => Powers.Find(i / Terms, i % Terms))];
        _raised = !hasGradient ? []
            : [.. Enumerable.Range(0, ofProducts * features).Select(i => Powers.Find(i / features, 0, i % features, 2))];
    }

    public int Features { get; }

    public int Columns { get; }

    public bool HasGradient { get; }

    /// <summary>Whether sums with the kernel's slope stand beside those with the kernel.</summary>
    public bool HasSlopeSums { get; }

    public Monomials Powers { get; }

    /// <summary>The coefficients of the polynomial.</summary>
    public int Terms { get; }

    public int WeightTerms { get; }

    public int ValueTerms { get; }

    public int SlopeWeightTerms { get; }

    public int SlopeValueTerms { get; }

    public int SquareTerms { get; }

    public int Values { get; }

    public int SlopeWeights { get; }

    public int SlopeValues { get; }

    public int Squares { get; }

    public int Length { get; }

    /// <summary>The product of two terms among the sums.</summary>
    public int Product(int a, int b) => _products[(a * Terms) + b];

    /// <summary>A sum's product times u_j^2.</summary>
    public int Raised(int product, int feature) => _raised[(product * Features) + feature];
}
