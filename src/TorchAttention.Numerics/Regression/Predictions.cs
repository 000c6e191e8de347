using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression;

/// <summary>What is predicted beside the mean.</summary>
public sealed record PredictionOptions
{
    /// <summary>The level of the bands; 0.95 by default.</summary>
    public double Level { get; init; } = 0.95;

    /// <summary>Whether standard errors, bands and effective neighbours are computed; true by default.</summary>
    public bool HasErrors { get; init; } = true;

    /// <summary>What the ends of the interval are of; the mean without its bias by default.</summary>
    public IntervalKind Interval { get; init; }

    /// <summary>
    /// Whether bands are to cover the whole curve at once rather than each point by itself; for one feature. False by default.
    /// </summary>
    public bool IsSimultaneous { get; init; }

    /// <summary>Whether the derivatives by each feature are computed; false by default.</summary>
    public bool HasSlopes { get; init; }

    /// <summary>The answer for a query without neighbours; the one of the model's options where null, the default.</summary>
    public NoNeighbourPolicy? NoNeighbour { get; init; }
}

/// <summary>Predictions at some queries (m), of one or several columns (v).</summary>
public sealed record Predictions
{
    /// <summary>f(q) (m, v); by the model's policy where there is no neighbour.</summary>
    public required double[] Mean { get; init; }

    /// <summary>
    /// The standard error (m, v) of what the interval is of: for <see cref="IntervalKind.MeanWithoutBias"/> s sqrt(sum_i l_i(q)^2), for
    /// errors of equal variance; for the others the root in their formula. NaN without neighbours. Empty where not asked for.
    /// </summary>
    public double[] StandardError { get; init; } = [];

    /// <summary>
    /// The lower end of the interval (m, v): the mean less <see cref="Quantile"/> standard errors. Empty where not asked for.
    /// </summary>
    public double[] Lower { get; init; } = [];

    /// <summary>The upper end of the interval (m, v). Empty where not asked for.</summary>
    public double[] Upper { get; init; } = [];

    /// <summary>
    /// The standard deviation of the noise at the query (m, v), the root of its local variance; empty where the interval needs none.
    /// </summary>
    public double[] NoiseDeviation { get; init; } = [];

    /// <summary>
    /// How many standard errors the ends are away from the mean; NaN where that differs between columns, sides or queries.
    /// </summary>
    public double Quantile { get; init; } = double.NaN;

    /// <summary>
    /// df/dq_j (m, v, d): for the degree 1 the local slopes, for the degree 0 the derivative of the weighted mean. NaN without neighbours.
    /// Empty where not asked for.
    /// </summary>
    public double[] Slopes { get; init; } = [];

    /// <summary>
    /// The standard errors of the slopes (m, v, d): of <see cref="IntervalKind.MeanWithoutBias"/> s sqrt(sum_i b_i^2), with the weights b
    /// of the slope in the values; of <see cref="IntervalKind.Mean"/> sqrt(v sum_i b_i^2 + (g' - f')^2), where g is a polynomial of higher
    /// degree and b its slope's weights. Empty where <see cref="KernelRegression.HasSlopeErrors"/>, of categories
    /// <see cref="Categories.MixedRegression.HasSlopeErrors"/>, is false.
    /// </summary>
    public double[] SlopeErrors { get; init; } = [];

    /// <summary>The lower ends of the slopes' intervals (m, v, d), each for itself.</summary>
    public double[] SlopeLower { get; init; } = [];

    /// <summary>The upper ends of the slopes' intervals (m, v, d).</summary>
    public double[] SlopeUpper { get; init; } = [];

    /// <summary>
    /// 1 / sum_i l_i(q)^2 (m): how many examples would give a mean this precise; 0 without neighbours. Empty where not asked for.
    /// </summary>
    public double[] EffectiveNeighbours { get; init; } = [];

    /// <summary>Whether there is an example in reach (m).</summary>
    public required bool[] HasNeighbour { get; init; }

    /// <summary>Whether a feature of the query is less or more than in any example (m): what is said there is extrapolated.</summary>
    public required bool[] IsOutside { get; init; }

    /// <summary>
    /// Whether the query lies where the examples leave a gap (m): not outside of them, and those that are pooled are more than three
    /// bandwidths away, sum_i s_i K(u_i) |u_i|^2 &gt; 9 sum_i s_i K(u_i). What is said there rests on examples that are far away. With a
    /// kernel that ends none is.
    /// </summary>
    public required bool[] IsInGap { get; init; }

    /// <summary>
    /// With the degree 1, whether the examples in reach leave the plane open in some direction (m), as one alone does, or several on a line
    /// do across it: the plane is level there. So for higher degrees without a ridge; with one it is never said.
    /// </summary>
    public required bool[] IsLevel { get; init; }

    /// <summary>These with errors and intervals of the mean by noise of one size, s / sqrt(neighbours).</summary>
    /// <param name="deviations">The noise's standard deviation s in each column (v).</param>
    /// <param name="quantile">How many standard errors the ends are away from the mean.</param>
    internal Predictions WithErrors(IReadOnlyList<double> deviations, double quantile)
    {
        double[] errors = new double[Mean.Length];
        double[] lower = new double[errors.Length];
        double[] upper = new double[errors.Length];
        for (int i = 0; i < errors.Length; i++)
        {
            (int query, int column) = Math.DivRem(i, deviations.Count);
            errors[i] = HasNeighbour[query] ? deviations[column] / Math.Sqrt(EffectiveNeighbours[query]) : double.NaN;
            lower[i] = Mean[i] - (quantile * errors[i]);
            upper[i] = Mean[i] + (quantile * errors[i]);
        }

        return this with { StandardError = errors, Lower = lower, Upper = upper, Quantile = quantile };
    }

    /// <summary>The first predictions as a table.</summary>
    public override string ToString()
    {
        int m = HasNeighbour.Length;
        int columns = m == 0 ? 1 : Mean.Length / m;
        List<(string Name, Func<int, string> Cell)> table = [("query", i => $"{i}")];
        for (int c = 0; c < columns; c++)
        {
            int column = c;
            string number = columns == 1 ? "" : $" {c}";
            foreach ((string name, double[] values) in
                new[] { ("mean", Mean), ("standard error", StandardError), ("lower", Lower), ("upper", Upper) })
            {
                if (values.Length > 0 || name == "mean")
                {
                    table.Add((name + number, i => ResultText.Short(values[(i * columns) + column])));
                }
            }
        }

        table.Add(("", i => !HasNeighbour[i] ? "no neighbour" : IsOutside[i] ? "outside" : IsInGap[i] ? "gap" : IsLevel[i] ? "level" : ""));
        return ResultText.Table(m, table);
    }
}
