using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Cli.Regression;

/// <summary>The options of fits with a curve for each group.</summary>
internal static class GroupOptions
{
    private const string BandwidthsName = "--by-bandwidth";

    public static Option<string?> By(string description) => Options.Text("--by", "column", description);

    public static Option<GroupBandwidths> Bandwidths() => Options.OneOf(
        BandwidthsName, "With --by, whose bandwidths the groups have, each its own or all the same", GroupBandwidths.Own,
        Options.Names<GroupBandwidths>());

    /// <summary>Whose bandwidths the groups have; null where there are no groups.</summary>
    public static GroupBandwidths? Read(ParseResult parsed, string? by, Option<GroupBandwidths> bandwidths) =>
        by is not null ? parsed.GetValue(bandwidths)
        : parsed.GetResult(bandwidths) is { Implicit: false }
            ? throw CliException.WrongInput($"{BandwidthsName}: expected --by beside it, the column of the groups")
        : null;

    /// <summary>Refuses what groups, where there are some, cannot be fitted with.</summary>
    public static void Check(KernelRegressionOptions options, GroupBandwidths? bandwidths)
    {
        if (bandwidths is null)
        {
            return;
        }

        Bandwidth asked = options.Bandwidth;
        FitOptions.RefuseRobust(options, "a fit of all rows together, got --by");
        if (bandwidths == GroupBandwidths.Shared && asked.Values.Count == 0
            && (asked.IsShare || !GroupedRegression.IsSharedRule(asked.Rule)))
        {
            throw CliException.WrongInput($"{BandwidthsName} shared: expected --bandwidth loo, kfold or numbers, got "
                + FitOptions.NameOf(asked));
        }
    }
}
