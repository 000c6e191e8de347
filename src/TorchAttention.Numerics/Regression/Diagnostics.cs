using System.Runtime.CompilerServices;

namespace TorchAttention.Numerics.Regression;

/// <summary>How a fit describes the data it was made of.</summary>
/// <remarks>
/// H is the matrix that turns the values into the fitted values; n examples, d features, weights s of mean 1. Where there are several columns of values,
/// numbers that belong to a column are listed, the others are sums over all columns.
/// </remarks>
public sealed record Diagnostics
{
    /// <summary>tr H, the effective degrees of freedom: how many parameters a linear model of the same freedom had.</summary>
    public required double EffectiveDegreesOfFreedom { get; init; }

    /// <summary>n - 2 tr H + tr H'H, by which the sum of squares is divided for the variance of the noise.</summary>
    public required double ResidualDegreesOfFreedom { get; init; }

    /// <summary>s of each column (v), the residual standard error: s^2 = sum s_i (y_i - f_i)^2 / (n - 2 tr H + tr H'H). NaN where no freedom is left.</summary>
    public required IReadOnlyList<double> ResidualStandardError { get; init; }

    /// <summary>1 - RSS / TSS of each column (v); NaN where the column does not vary.</summary>
    public required IReadOnlyList<double> RSquared { get; init; }

    /// <summary>
    /// The mean of (y_i - f_-i(x_i))^2. Where no other example reaches x_i, f_-i is the value of the nearest one. Infinite where more examples stand so alone than a twentieth of them,
    /// those that lie far from all others not counted.
    /// </summary>
    public required double LeaveOneOutError { get; init; }

    /// <summary>ln(RSS/n) + 1 + 2 (tr H + 1) / (n - tr H - 2); infinite where no freedom is left.</summary>
    public required double AICc { get; init; }

    /// <summary>(RSS/n) / (1 - tr H / n)^2.</summary>
    public required double GCV { get; init; }

    internal static double AICcOf(SmootherData data, Smoother.Fit fit) => AICcOf(SquaresOf(data, fit) / data.TotalWeight, Trace(data, fit), data.Examples);

    internal static double AICcOf(double meanSquare, double trace, int examples)
    {
        double left = examples - trace - 2;
        return left > 0 ? Math.Log(meanSquare) + 1 + (2 * (trace + 1) / left) : double.PositiveInfinity;
    }

    internal static double GcvOf(SmootherData data, Smoother.Fit fit) => GcvOf(SquaresOf(data, fit) / data.TotalWeight, Trace(data, fit), data.Examples);

    internal static double GcvOf(double meanSquare, double trace, int examples)
    {
        double left = 1 - (trace / examples);
        return left > 1e-9 ? meanSquare / (left * left) : double.PositiveInfinity;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static double Trace(SmootherData data, Smoother.Fit fit)
    {
        double trace = 0;
        for (int i = 0; i < data.Count; i++)
        {
            trace += fit.Leverage[i] * data.CountAt(i);
        }

        return trace;
    }

    /// <summary>The residual sum of squares, of one column or of all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static double SquaresOf(SmootherData data, Smoother.Fit fit, int? column = null)
    {
        double sum = 0;
        for (int i = 0; i < data.Count; i++)
        {
            sum += column is null ? data.SquaresAt(i) : 0;
            for (int c = column ?? 0; c < (column is null ? data.Columns : column + 1); c++)
            {
                double residual = data.Values[(i * data.Columns) + c] - fit.Fitted[(i * data.Columns) + c];
                sum += data.WeightAt(i) * residual * residual;
            }
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static Diagnostics Of(SmootherData data, Smoother.Fit fit)
    {
        double trace = Trace(data, fit);
        double traceOfSquare = 0;
        for (int i = 0; i < data.Count; i++)
        {
            traceOfSquare += 1 / fit.EffectiveNeighbours[i];
        }

        double residual = data.Examples - (2 * trace) + traceOfSquare;
        double leaveOneOut = 0;
        for (int i = 0; i < data.Values.Length; i++)
        {
            double error = data.Values[i] - fit.WithoutOwn[i];
            leaveOneOut += data.WeightAt(i / data.Columns) * error * error;
        }

        return new Diagnostics
        {
            EffectiveDegreesOfFreedom = trace,
            ResidualDegreesOfFreedom = residual,
            ResidualStandardError = [.. Enumerable.Range(0, data.Columns).Select(c => residual > 1e-9 * data.Examples ? Math.Sqrt(SquaresOf(data, fit, c) / residual) : double.NaN)],
            RSquared = [.. Enumerable.Range(0, data.Columns).Select(c => 1 - (SquaresOf(data, fit, c) / TotalSquares(data, c)))],
            LeaveOneOutError = fit.IsAdmissible ? leaveOneOut / data.TotalWeight : double.PositiveInfinity,
            AICc = AICcOf(data, fit),
            GCV = GcvOf(data, fit),
        };
    }

    private static double TotalSquares(SmootherData data, int column)
    {
        double mean = 0;
        double weight = 0;
        double squares = 0;
        for (int i = 0; i < data.Count; i++)
        {
            double s = data.WeightAt(i);
            weight += s;
            double difference = data.Values[(i * data.Columns) + column] - mean;
            mean += weight > 0 ? s / weight * difference : 0;
            squares += s * difference * (data.Values[(i * data.Columns) + column] - mean);
        }

        return squares > 0 ? squares : double.NaN;
    }
}
