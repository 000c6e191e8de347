using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>Checks what a local likelihood fit is given before any work is done.</summary>
internal static class LikelihoodCheck
{
    public static void Options(KernelRegressionOptions options, ResponseFamily family)
    {
        if (!Enum.IsDefined(family))
        {
            throw new ArgumentOutOfRangeException(nameof(family), family, "Expected one of the families.");
        }

        RegressionCheck.Options(options);
        RegressionCheck.NotRobust(options, "for local likelihood");
        string? other = options.Periods.Any(double.IsFinite) ? "a period"
            : options.LeaveOutTies ? "examples that are left out together"
            : options.NoNeighbour != NoNeighbourPolicy.NaN ? $"{nameof(options.NoNeighbour)} {options.NoNeighbour}"
            : options.Bandwidth is { IsShare: true } || options.Bandwidth is { Values.Count: 0, Rule: var rule }
                && !LocalLikelihood.IsRule(rule)
                ? $"the bandwidth {options.Bandwidth}"
            : null;
        if (other is not null)
        {
            throw new ArgumentException($"Expected options for local likelihood, got {other}.", nameof(options));
        }
    }

    public static void Values(ReadOnlySpan<double> y, int count, ResponseFamily family)
    {
        if (y.Length != count)
        {
            throw new ArgumentException($"Expected one value for each of {count} examples, got {y.Length}.", nameof(y));
        }

        for (int i = 0; i < y.Length; i++)
        {
            if (!family.IsValue(y[i]))
            {
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"Expected {family.Values()}, got {y[i]} in row {i}."), nameof(y));
            }
        }
    }

    /// <summary>Checks that the values that count differ.</summary>
    public static void BothKinds(ReadOnlySpan<double> y, ResponseFamily family)
    {
        if (!y.ContainsAnyExcept(family == ResponseFamily.Binomial ? y[0] : 0))
        {
            throw new RegressionDataException(
                RegressionProblem.NoSpread, family == ResponseFamily.Binomial ? "values of both kinds" : "counts above 0",
                string.Create(CultureInfo.InvariantCulture, $"{y[0]} in all {y.Length} rows"), nameof(y))
            {
                ValueColumn = 0,
            };
        }
    }
}
