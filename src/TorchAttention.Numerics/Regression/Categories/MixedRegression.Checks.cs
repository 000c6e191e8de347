using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Regression.Categories;

/// <content>What options and rows have to be.</content>
public sealed partial class MixedRegression
{
    private static void CheckOptions(
        KernelRegressionOptions options, IReadOnlyList<Category?> categories, IReadOnlyList<double>? lambdas)
    {
        int c = categories.Count(category => category is not null);
        if (c == 0 || c == categories.Count)
        {
            throw new ArgumentException(
                $"Expected at least one category and one column of numbers, got {c} and {categories.Count - c}.", nameof(categories));
        }

        string? other = options.Periods.Any(double.IsFinite) ? "a period"
            : options.LeaveOutTies ? "examples that are left out together"
            : options.NoNeighbour != NoNeighbourPolicy.NaN ? $"{nameof(options.NoNeighbour)} {options.NoNeighbour}"
            : options.Bandwidth is { IsShare: true } || options.Bandwidth is { Values.Count: 0, Rule: var rule } && !IsRule(rule)
                ? $"the bandwidth {options.Bandwidth}"
            : options.Bandwidth.Values.Count > 1 && options.Bandwidth.Values.Count != categories.Count - c
                ? $"{options.Bandwidth.Values.Count} bandwidths for {categories.Count - c} columns of numbers"
            : options.SearchBounds is { Count: > 1 and var bounds } && bounds != categories.Count - c
                ? $"{bounds} pairs of bounds for {categories.Count - c} columns of numbers"
            : null;
        if (other is not null)
        {
            throw new ArgumentException($"Expected options for a fit with categories, got {other}.", nameof(options));
        }

        Category[] all = [.. categories.OfType<Category>()];
        if (all.FirstOrDefault(one => one.Levels.Count == 0 || one.Levels.Distinct().Count() < one.Levels.Count) is { } wrong)
        {
            throw new ArgumentException(
                $"Expected different levels, at least one, got {string.Join(", ", wrong.Levels)}.", nameof(categories));
        }

        if (lambdas is not null && (lambdas.Count != c || lambdas.Index().Any(
            pair => !(pair.Item >= 0 && pair.Item <= all[pair.Index].MostLambda * (1 + 1e-12)))))
        {
            throw new ArgumentException(
                $"Expected a lambda from 0 to its most for each of {c} categories, got {string.Join(", ", lambdas)}.", nameof(lambdas));
        }
    }

    /// <summary>Whether a rule chooses bandwidths beside categories: leave-one-out, AICc and GCV, and the formulas that are for
    /// several features, beside which the lambdas are found by leave-one-out.</summary>
    /// <param name="rule">The rule; null for none.</param>
    public static bool IsRule(BandwidthRule? rule) => rule is BandwidthRule.LeaveOneOut or BandwidthRule.AICc or BandwidthRule.GCV
        or BandwidthRule.Silverman or BandwidthRule.Scott;

    // Columns of numbers, and of levels.
    private static (int[] Numbers, int[] Levels) Split(IReadOnlyList<Category?> categories)
    {
        ILookup<bool, int> split = Enumerable.Range(0, categories.Count).ToLookup(j => categories[j] is null);
        return ([.. split[true]], [.. split[false]]);
    }

    private static (double[] Numbers, int[] Levels) Take(
        ReadOnlySpan<double> rows, IReadOnlyList<Category?> categories, bool mayBeUnseen, string parameter)
    {
        (int[] numbers, int[] levels) = Split(categories);
        int d = categories.Count;
        if (rows.Length % d != 0)
        {
            throw new ArgumentException($"Expected rows of {d} columns, got {rows.Length} numbers.", parameter);
        }

        double[] x = new double[rows.Length / d * numbers.Length];
        int[] l = new int[rows.Length / d * levels.Length];
        for (int i = 0; i < rows.Length / d; i++)
        {
            for (int j = 0; j < numbers.Length; j++)
            {
                x[(i * numbers.Length) + j] = rows[(i * d) + numbers[j]];
            }

            for (int j = 0; j < levels.Length; j++)
            {
                double level = rows[(i * d) + levels[j]];
                int most = categories[levels[j]]!.Levels.Count - 1;
                bool isKnown = level >= 0 && level <= most && level == Math.Floor(level);
                l[(i * levels.Length) + j] = isKnown ? (int)level
                    : mayBeUnseen && double.IsNaN(level) ? -1
                    : throw new ArgumentException(
                        $"Expected a level from 0 to {most} in column {levels[j]} of row {i}, got {ResultText.Short(level)}.", parameter);
            }
        }

        return (x, l);
    }
}
