using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// Sums of local polynomials in the numbers: the matrices and right sides of each combination of levels, times the factor that its weights
/// have at the query, add up to those of the fit to all.
/// </summary>
/// <param name="queries">How many queries there are.</param>
/// <param name="layout">Where each sum stands in a query's row, with one column of values.</param>
/// <param name="ridge">L.</param>
internal sealed class MixedPolynomials(int queries, PolynomialLayout layout, double ridge) : MixedSums(queries)
{
    /// <summary>So much more than the rows in reach the ridge weighs where it leaves nothing but the constant.</summary>
    public const double MostOfRidge = 1e100;

    private readonly double[] _rows = new double[queries * layout.Length];

    private Span<double> Row(int query) => _rows.AsSpan(query * layout.Length, layout.Length);

    /// <summary>Adds a part.</summary>
    /// <param name="query">The query.</param>
    /// <param name="logWeight">The logarithm of what its weights are to be multiplied by.</param>
    /// <param name="sums">Its sums, with weights s_i K of s_i relative to the largest, and values that are distances from a centre.</param>
    /// <param name="largestSampleWeight">The largest s_i.</param>
    /// <param name="centre">Of its values.</param>
    /// <param name="unit">Of its values.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(
        int query, double logWeight, ReadOnlySpan<double> sums, double largestSampleWeight, double centre, double unit)
    {
        if (!(sums[0] > 0 && logWeight > double.NegativeInfinity))
        {
            return;
        }

        double relative = Relative(query, logWeight + Math.Log(sums[0] * largestSampleWeight)) / (sums[0] * largestSampleWeight);
        AddScaled(relative, sums, largestSampleWeight, centre, unit, layout, Row(query));
    }

    private static void AddScaled(
        double factor, ReadOnlySpan<double> sums, double largestSampleWeight, double centre, double unit, PolynomialLayout layout,
        Span<double> row)
    {
        double weight = factor * largestSampleWeight;
        for (int k = 0; k < layout.Values; k++)
        {
            row[k] += weight * sums[k];
        }

        for (int k = 0; k < layout.ValueTerms; k++)
        {
            row[layout.Values + k] += weight * ((centre * sums[k]) + (unit * sums[layout.Values + k]));
        }

        for (int k = layout.Squares; k < layout.Squares + layout.SquareTerms; k++)
        {
            row[k] += weight * factor * sums[k];
        }
    }

    public override void AddOwn(int query, double logWeight, double value, double sampleWeight)
    {
        double weight = Relative(query, logWeight);
        Span<double> row = Row(query);
        row[0] += weight;
        row[layout.Values] += weight * value;
        if (layout.SquareTerms > 0)
        {
            row[layout.Squares] += weight * weight / sampleWeight;
        }
    }

    public override MixedFit Fit(int query, double logOwn = double.NegativeInfinity)
    {
        ReadOnlySpan<double> row = Row(query);
        if (!(row[0] > 0))
        {
            return MixedFit.None;
        }

        LocalSystem system = SystemOf(query);
        return new MixedFit(
            system.Value(row, 0),
            layout.SquareTerms > 0 ? 1 / system.SquaredWeights(row) : double.NaN,
            Math.Exp(logOwn - LogLargest(query)) * system.Weights[0],
            ridge == 0 && system.IsLevel);
    }

    /// <summary>The derivatives of the value by the numbers.</summary>
    /// <param name="query">The query.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="ofMean">
    /// Whether the value is the mean of a Gaussian's weights and these sums, of the degree 1, are there for its derivative alone.
    /// </param>
    /// <param name="slopes">Where they go (d); NaN where no example has a weight.</param>
    /// <param name="squares">Where sum b_i^2 / s_i of each goes (d); NaN where squares were not summed.</param>
    public void Slopes(int query, double[] bandwidths, bool ofMean, Span<double> slopes, Span<double> squares)
    {
        ReadOnlySpan<double> row = Row(query);
        slopes.Fill(double.NaN);
        squares.Fill(double.NaN);
        if (!(row[0] > 0))
        {
            return;
        }

        LocalSystem system = SystemOf(query);
        double[] coefficients = new double[layout.Terms];
        for (int j = 0; j < slopes.Length; j++)
        {
            if (ofMean)
            {
                LocalSystem.SlopeOfMean(row, j, coefficients);
            }
            else
            {
                system.SolveUnit(1 + j, coefficients);
            }

            slopes[j] = system.Dot(coefficients, row, 0) / bandwidths[j];
            squares[j] = layout.SquareTerms > 0
                ? system.SquaredWeights(coefficients, row) / (bandwidths[j] * bandwidths[j]) : double.NaN;
        }
    }

    /// <summary>How many sums a query has, without those of squares.</summary>
    public static int SumsOf(int features, int degree) =>
        degree == 0 ? 2 : Monomials.CountOf(features, 2 * degree) + Monomials.CountOf(features, degree);

    private LocalSystem SystemOf(int query)
    {
        double held = ridge == 0 ? 0 : ridge * Math.Exp(-LogLargest(query));
        var system = new LocalSystem(layout, Math.Min(held, MostOfRidge));
        system.Factor(Row(query), isConstant: held > MostOfRidge);
        return system;
    }

    protected override void Scale(int query, double factor)
    {
        Span<double> row = Row(query);
        for (int k = 0; k < row.Length; k++)
        {
            row[k] *= k < layout.Squares ? factor : factor * factor;
        }
    }

    /// <summary>One combination's, at each query (m).</summary>
    /// <param name="Rows">Its sums (m, layout).</param>
    /// <param name="Offsets">Minus the logarithm to base 2 of what each query's are to be multiplied by.</param>
    /// <param name="Layout">Where each sum stands in a row.</param>
    /// <param name="Ridge">L.</param>
    /// <param name="LargestSampleWeight">The largest s_i.</param>
    /// <param name="Centre">Of its values.</param>
    /// <param name="Unit">Of its values.</param>
    public sealed record Part(
        double[] Rows, double[] Offsets, PolynomialLayout Layout, double Ridge, double LargestSampleWeight, double Centre, double Unit)
        : IMixedPart
    {
        private int Length => Layout.Length;

        public double LogWeight(int place) =>
            Rows[place * Length] is > 0 and var weight ? Math.Log(weight * LargestSampleWeight) - (Offsets[place] * Math.Log(2))
            : double.NegativeInfinity;

        public void CopyTo(Span<double> sums, int place, double logLargest)
        {
            sums.Clear();
            AddScaled(
                Math.Exp(-(Offsets[place] * Math.Log(2)) - logLargest), Rows.AsSpan(place * Length, Length), LargestSampleWeight,
                Centre, Unit, Layout, sums);
        }

        public MixedSums CreateSums(int? queries) => new MixedPolynomials(queries ?? Offsets.Length, Layout, Ridge);

        public void AddTo(MixedSums sums, int query, int place, double logFactor) => ((MixedPolynomials)sums).Add(
            query, logFactor - (Offsets[place] * Math.Log(2)), Rows.AsSpan(place * Length, Length), LargestSampleWeight, Centre, Unit);
    }
}
