using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression;

/// <summary>How a fit describes the data it was made of.</summary>
/// <remarks>
/// H is the matrix that turns the values into the fitted values; n examples, d features, weights s of mean 1. Where there are several
/// columns of values, numbers that belong to a column are listed, the others are sums over all columns.
/// </remarks>
public sealed record Diagnostics
{
    // Below this part of the examples no freedom is left but rounding.
    private const double LeastFreedom = 1e-9;

    /// <summary>tr H, the effective degrees of freedom: how many parameters a linear model of the same freedom had.</summary>
    public required double EffectiveDegreesOfFreedom { get; init; }

    /// <summary>n - 2 tr H + sum_ij s_i H_ij^2 / s_j, by which the sum of squares is divided for the variance of the noise.</summary>
    public required double ResidualDegreesOfFreedom { get; init; }

    /// <summary>
    /// s of each column (v), the residual standard error: s^2 = sum s_i (y_i - f_i)^2 / (n - 2 tr H + tr H'H), with the weights of the
    /// line above; the noise of an example of weight 1. NaN where no freedom is left.
    /// </summary>
    public required IReadOnlyList<double> ResidualStandardError { get; init; }

    /// <summary>1 - RSS / TSS of each column (v); NaN where the column does not vary.</summary>
    public required IReadOnlyList<double> RSquared { get; init; }

    /// <summary>
    /// The mean of (y_i - f_-i(x_i))^2. Where no other example reaches x_i, f_-i is the value of the nearest one; a
    /// Gaussian reaches everywhere, and a local line goes on. Infinite where more
    /// examples stand so alone than a twentieth of them, those that lie far from all others not counted. NaN with robust iterations, as
    /// are <see cref="AICc"/> and <see cref="GCV"/>: the weights of all examples follow each one's residual.
    /// </summary>
    public required double LeaveOneOutError { get; init; }

    /// <summary>ln(RSS/n) + 1 + 2 (tr H + 1) / (n - tr H - 2); infinite where no freedom is left.</summary>
    public required double AICc { get; init; }

    /// <summary>(RSS/n) / (1 - tr H / n)^2.</summary>
    public required double GCV { get; init; }

    /// <summary>The numbers below one another.</summary>
    public override string ToString() => ResultText.List(
        ("effective degrees of freedom", ResultText.Short(EffectiveDegreesOfFreedom)),
        ("residual degrees of freedom", ResultText.Short(ResidualDegreesOfFreedom)),
        ("residual standard error", ResultText.Short(ResidualStandardError)),
        ("R squared", ResultText.Short(RSquared)),
        ("leave-one-out error (mean square)", ResultText.Short(LeaveOneOutError)),
        ("AICc", ResultText.Short(AICc)),
        ("GCV", ResultText.Short(GCV)));

    // What is exact of a fit that is linear in its values.
    internal Diagnostics OfRobust() => this with { LeaveOneOutError = double.NaN, AICc = double.NaN, GCV = double.NaN };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static Diagnostics Measure(SmootherData data, Smoother.Fit fit)
    {
        double trace = fit.Trace();
        double meanSquare = fit.SquaresOf(data) / data.TotalWeight;
        double traceOfSquare = 0;
        for (int i = 0; i < data.Count; i++)
        {
            traceOfSquare += data.WeightAt(i) / fit.EffectiveNeighbours[i];
        }

        double residual = Freedom(data.Examples, trace, traceOfSquare);
        double leaveOneOut = 0;
        for (int i = 0; i < data.Values.Length; i++)
        {
            double error = data.Values[i] - fit.WithoutOwn[i];
            leaveOneOut += data.WeightAt(i / data.Columns) * error * error;
        }

        double[] squares = [.. Enumerable.Range(0, data.Columns).Select(c => fit.SquaresOf(data, c))];
        return new Diagnostics
        {
            EffectiveDegreesOfFreedom = trace,
            ResidualDegreesOfFreedom = residual,
            ResidualStandardError = [.. squares.Select(sum => Deviation(sum, residual, data.Examples))],
            RSquared = [.. squares.Select((sum, c) => 1 - (sum / (data.SquaresAboutMean(c) is > 0 and var total ? total : double.NaN)))],
            LeaveOneOutError = fit.IsAdmissible ? leaveOneOut / data.TotalWeight : double.PositiveInfinity,
            AICc = AICcCriterion.Compute(meanSquare, trace, data.Examples),
            GCV = GcvCriterion.Compute(meanSquare, trace, data.Examples),
        };
    }

    /// <summary>n - 2 tr H + sum_ij s_i H_ij^2 / s_j.</summary>
    internal static double Freedom(double examples, double trace, double traceOfSquare) => examples - (2 * trace) + traceOfSquare;

    /// <summary>The residual standard error by a sum of squares; NaN where no freedom is left.</summary>
    internal static double Deviation(double squares, double freedom, double examples) =>
        freedom > LeastFreedom * examples ? Math.Sqrt(squares / freedom) : double.NaN;

    /// <summary>The same with what is said of one column of values alone.</summary>
    internal Diagnostics Of(int column) =>
        this with { ResidualStandardError = [ResidualStandardError[column]], RSquared = [RSquared[column]] };

    /// <summary>The numbers of a fit with one column of values, for a file.</summary>
    internal double[] ToNumbers() =>
    [
        ResidualStandardError[0], RSquared[0], EffectiveDegreesOfFreedom, ResidualDegreesOfFreedom, LeaveOneOutError, AICc, GCV,
    ];

    /// <summary>What <see cref="ToNumbers"/> wrote.</summary>
    internal static Diagnostics Read(ReadOnlySpan<double> numbers) => new()
    {
        ResidualStandardError = [numbers[0]],
        RSquared = [numbers[1]],
        EffectiveDegreesOfFreedom = numbers[2],
        ResidualDegreesOfFreedom = numbers[3],
        LeaveOneOutError = numbers[4],
        AICc = numbers[5],
        GCV = numbers[6],
    };
}
