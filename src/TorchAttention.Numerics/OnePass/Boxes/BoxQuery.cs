using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// Moments of two features that a database sums where the rows are, as <see cref="MomentQuery"/> has them of one: sums of t1^k t2^l with
/// k + l up to 15, and the rows of boxes that have fewer than 64.
/// </summary>
public static class BoxQuery
{
    private const int Features = 2;

    /// <summary>The query.</summary>
    /// <param name="dialect">The database.</param>
    /// <param name="table">The table, or a view.</param>
    /// <param name="x">The keys' columns (2).</param>
    /// <param name="y">The columns of values (v), five at most.</param>
    /// <param name="cellWidths">The width of the boxes along each feature (2), rounded down to powers of 2.</param>
    /// <exception cref="ArgumentException">
    /// A name is empty, a width cannot be had, there is no column of values or too many, or another number of features.
    /// </exception>
    public static string Create(
        SqlDialect dialect, string table, IReadOnlyList<string> x, IReadOnlyList<string> y, IReadOnlyList<double> cellWidths)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentNullException.ThrowIfNull(cellWidths);
        return x.Count != Features || cellWidths.Count != Features || x.Any(string.IsNullOrEmpty)
            ? throw new ArgumentException(
                $"Expected the names of two features and their widths, got {x.Count} and {cellWidths.Count}.", nameof(x))
            : MomentQuery.Create(dialect, table, x, y, cellWidths, SumsOf(y.Count), BoxGrid.MostKept, null);
    }

    /// <summary>Whether a text's first line is that of an answer.</summary>
    /// <param name="header">The line.</param>
    public static bool IsAnswer(string? header) => header?.Replace("\"", "", StringComparison.Ordinal).StartsWith(
        "cell_exponent1,cell_exponent2,", StringComparison.Ordinal) == true;

    /// <summary>Reads the query's answer, as CSV with a header row.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="TableException">It is no such text, or rows lie in too many boxes.</exception>
    public static BoxMoments Read(TextReader reader, string name)
    {
        try
        {
            return MomentQuery.Read(reader, name, Features, (_, columns, hasWeights) => hasWeights ? null : SumsOf(columns), Sum);
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, name, e) { Expected = e.Expected, Found = e.Got };
        }
    }

    private static SqlSums SumsOf(int columns) => new(BoxTerms.Of(Features).Degrees, columns, hasWeights: false);

    private static BoxMoments? Sum(MomentQuery.Answer answer, int[] exponents)
    {
        (SortedDictionary<(long One, long Two), (double[] Levels, double Heaviest)> levels, long[] units) = answer.Describe();
        long[] origins = [Middle(levels.Keys.Select(cell => cell.One)), Middle(levels.Keys.Select(cell => cell.Two))];
        var places = new BoxGrid(exponents, origins, units, [0], new double[units.Length]);
        var ids = levels.Keys.ToDictionary(cell => cell, cell => places.BoxOf(
            [Math.ScaleB(cell.One + 0.5, exponents[0]), Math.ScaleB(cell.Two + 0.5, exponents[1])]));
        (long Id, double[] Levels)[] known =
            [.. levels.Select(cell => (Id: ids[cell.Key], cell.Value.Levels)).OrderBy(cell => cell.Id)];
        var moments = new BoxMoments(new BoxGrid(
            exponents, origins, units, [.. known.Select(cell => cell.Id)], [.. known.SelectMany(cell => cell.Levels)]));
        double[] polynomials = Chebyshev.InPowers(BoxTerms.K);
        foreach (((long, long) cell, MomentQuery.AnswerCell of) in answer.Cells)
        {
            if (of.Count < BoxGrid.MostKept || SumsOf(of, units, polynomials) is not { } sums)
            {
                return null;
            }

            moments.Set(ids[cell], of.Count, sums);
        }

        moments.Add([.. answer.Rows.SelectMany(row => row.X)], [.. answer.Rows.SelectMany(row => row.Y)]);
        return moments;
    }

    private static long Middle(IEnumerable<long> cells) => cells.Order().ToArray() is var all ? all[all.Length / 2] : 0;

    // Those of Chebyshev's polynomials, from those of powers.
    private static Int128[]? SumsOf(MomentQuery.AnswerCell cell, long[] units, double[] polynomials)
    {
        const int K = BoxTerms.K;
        var terms = BoxTerms.Of(Features);
        var sums = new Int128[cell.Sums.Length];
        for (int at = 0; at < sums.Length; at++)
        {
            (int kind, int term) = Math.DivRem(at, terms.Count);
            int[] degrees = terms.Degrees[term];
            double sum = 0;
            for (int k = 0; k <= degrees[0]; k++)
            {
                for (int l = 0; l <= degrees[1]; l++)
                {
                    double factor = polynomials[(degrees[0] * K) + k] * polynomials[(degrees[1] * K) + l];
                    sum += factor * cell.Sums[(kind * terms.Count) + terms.With(terms.With(term, 0, k), 1, l)];
                }
            }

            if (MomentQuery.Answer.Fixed(sum, MomentQuery.Answer.UnitOf(kind, units)) is not { } rounded)
            {
                return null;
            }

            sums[at] = rounded;
        }

        return sums;
    }
}
