using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Cli.OnePass;

/// <summary>The rules for bandwidths, compared on moments of rows that are read once.</summary>
internal static class OnePassRules
{
    private static readonly BandwidthRule[] _rules =
        [BandwidthRule.LeaveOneOut, BandwidthRule.GCV, BandwidthRule.AICc, BandwidthRule.KFold];

    /// <summary>What each rule comes to, and what rows these are.</summary>
    /// <param name="files">The rows, of one feature.</param>
    /// <param name="options">The degree, and threads.</param>
    /// <param name="isQuiet">Whether nothing is shown meanwhile.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static (RuleRows Rows, RuleResult[] Results) Find(
        RowFiles files, KernelRegressionOptions options, bool isQuiet, CancellationToken cancellationToken)
    {
        Check(files, options);
        try
        {
            var cut = new Cut(null, options.Degree, Cut.FoldsOf(Bandwidth.By(BandwidthRule.KFold)));
            MomentsOfFiles<Moments> read = ProgressBar.Show(
                "read", isQuiet, progress => MomentFiles.OfCells(files, cut).Read(null, null, progress, cancellationToken));
            RuleResult[] results = [.. _rules.Select(rule =>
            {
                long start = Stopwatch.GetTimestamp();
                MomentRegression model = OnePassFit.Fit(
                    read, files, options with { Bandwidth = Bandwidth.By(rule) }, isQuiet, cancellationToken);
                return RuleResult.Of(BandwidthRules.NameOf(rule), model, [.. OnePassFit.Notes(read, model, files)]) with
                {
                    Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                };
            })];
            return (new RuleRows(files.Source, read.Moments.Count, read.Dropped, [read.Columns.X], read.Columns.Kinds, []), results);
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, files.Source, e) { Expected = e.Expected, Found = e.Got };
        }
    }

    private static void Check(RowFiles files, KernelRegressionOptions options)
    {
        if (files.Features != 1 || double.IsFinite(options.Kernel.Support)
            || !OnePassOptions.IsAnswered(options with { Bandwidth = Bandwidth.LeaveOneOut }))
        {
            throw CliException.WrongInput(
                "--shards: expected one feature, the gaussian kernel and the degree 0 or 1 without a ridge, got "
                    + $"{(files.Features == 1 ? "one feature" : $"{files.Features} features")}, {options.Kernel.Name} and "
                    + FitOptions.Local(options)
                    + (options.SearchBounds is null ? "" : " with --search-bounds")
                    + (options.LeaveOutTies ? " with --leave-out-ties" : ""));
        }
    }
}
