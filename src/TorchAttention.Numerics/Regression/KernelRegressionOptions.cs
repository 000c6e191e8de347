using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <summary>How a kernel regression is fitted.</summary>
public sealed record KernelRegressionOptions
{
    /// <summary>The kernel; the Gaussian by default.</summary>
    public SmoothingKernel Kernel { get; init; } = SmoothingKernel.Gaussian;

    /// <summary>The largest <see cref="Degree"/>.</summary>
    public const int MostDegree = 3;

    // By the suite of docs/fitting.md, which hardly tells 0.1 from 0.6.
    internal const double UsualRidge = 0.25;

    /// <summary>
    /// The degree of the polynomial that is fitted around each query: 0, local constant (Nadaraya-Watson), by default; 1, local linear; 2
    /// and 3, in several features with all products up to it, of at most 20 terms: in up to 4 features for 2, and 3 for 3.
    /// </summary>
    public int Degree { get; init; }

    /// <summary>
    /// The ridge L of the polynomial's terms but the constant: with u_j = (x_j - q_j) / h_j and z the products of u up to the degree,
    /// beta = (sum s K z z' + diag(0, L, .., L))^-1 sum s K z y. It counts like that weight of an observation which says that slope and
    /// bend are 0 in the units of the bandwidth, and keeps the fit from going astray where examples are thin. Null, the default, for 0.25
    /// with degrees 2 and 3, and none with 0 and 1; 0 for none.
    /// </summary>
    /// <remarks>
    /// Fits with a ridge or of degrees above 1 are computed in float64 whatever <see cref="Precision"/> says. Without a ridge terms that
    /// the examples in reach do not determine are left out, the highest first.
    /// </remarks>
    public double? Ridge { get; init; }

    /// <summary>
    /// Degrees to choose from, in the place of <see cref="Degree"/>: each is fitted, with its own bandwidth, and the first of the least
    /// leave-one-out error is taken. All but the degree 0 have a ridge, of 0.25 unless <see cref="Ridge"/> says another. Empty, the
    /// default, for <see cref="Degree"/>.
    /// </summary>
    public IReadOnlyList<int> Degrees { get; init; } = [];

    /// <summary>
    /// After how much each feature repeats (d), such as 24 for the hour of a day; infinite for a feature that does not. Empty, the default,
    /// where none does. Distances are around the circle: an example weighs what its images in the period of the query, the one before and
    /// the one after weigh together, and polynomials are fitted to the images. A kernel reaches half a period at most: h is at most P/2 of
    /// a kernel that ends at 1, and P/8 of the Gaussian.
    /// </summary>
    public IReadOnlyList<double> Periods { get; init; } = [];

    /// <summary>
    /// How often the fit is repeated with weights that its residuals e_i leave to the examples, against outliers (W. S. Cleveland, 1979):
    /// r_i = (1 - (e_i / 6m)^2)^2 where |e_i| is below 6m, else 0, with m the median of all |e_i|; each multiplies the example's own
    /// weight. Degree and bandwidth are chosen before, by all examples alike. 0 by default; 3 is lowess's and loess's
    /// <c>family = "symmetric"</c>. For one column of values.
    /// </summary>
    /// <remarks>
    /// What is estimated is where most values lie. That is the mean where noise is symmetric; where it is skewed, or where much noise in
    /// one region stands beside little in another, the weights take the one side or the region for outliers, and the mean is missed.
    /// </remarks>
    public int RobustIterations { get; init; }

    /// <summary>The bandwidth or the rule for it; <see cref="BandwidthRule.LeaveOneOut"/> by default.</summary>
    public Bandwidth Bandwidth { get; init; } = Bandwidth.LeaveOneOut;

    /// <summary>What the examples' weights say, where they have some; <see cref="WeightMeaning.Precisions"/> by default.</summary>
    public WeightMeaning WeightsAre { get; init; }

    /// <summary>
    /// Whether cross-validation leaves out, with an example, all others at the same place; false by default. Copies of an example predict
    /// it without error, and the fewer neighbours the better: where data has copies, this keeps them from driving the bandwidth to 0.
    /// </summary>
    public bool LeaveOutTies { get; init; }

    /// <summary>
    /// The least and the largest bandwidth that a search may choose, in the units of the features: one pair for all of them, or one for
    /// each. Null, the default, for bounds by the data: from a tenth of the smallest distances between neighbouring keys (their quantile of
    /// 5%) to eight times the keys' range.
    /// </summary>
    public IReadOnlyList<(double Least, double Most)>? SearchBounds { get; init; }

    /// <summary>
    /// The number type of predictions; a search ends in float64 whatever this says. <see cref="NumberPrecision.Float64"/> by default.
    /// </summary>
    public NumberPrecision Precision { get; init; }

    /// <summary>
    /// Where predictions on tensors are computed: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>; null, the default, where their
    /// queries are. A search and predictions on arrays are computed on the CPU whatever this says.
    /// </summary>
    public string? Device { get; init; }

    /// <summary>The answer for a query without neighbours; NaN by default.</summary>
    public NoNeighbourPolicy NoNeighbour { get; init; }

    /// <summary>The most threads at work; every processor by default. The numbers do not depend on it.</summary>
    public int? Threads { get; init; }

    /// <summary>L, with its default.</summary>
    internal double RidgeInUse => Ridge ?? (Degree > 1 ? UsualRidge : 0);

    /// <summary>These options for one of <see cref="Degrees"/>.</summary>
    internal KernelRegressionOptions For(int degree) =>
        this with { Degree = degree, Ridge = degree == 0 ? null : Ridge ?? UsualRidge, Degrees = [] };

    /// <summary>The terms of the polynomial in so many features, where they are more than are fitted.</summary>
    internal int? TooManyTerms(int features) =>
        IsPolynomial && Monomials.CountOf(features, Degree) is var terms && terms > LocalPolynomials.MostTerms ? terms : null;

    /// <summary>Whether it is fitted as a polynomial, and not by the engine's means and planes.</summary>
    internal bool IsPolynomial => Bandwidth.IsShare || LocalPolynomials.Covers(Degree, RidgeInUse);

    /// <summary>What fits the examples at their own places.</summary>
    internal Smoother NewSmoother(CancellationToken cancellationToken) =>
        new(Kernel, Degree, RidgeInUse, Threads, cancellationToken, Bandwidth.IsShare);
}
