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
            // Sums that are dealt to folds round otherwise, if only in the last digit: the others are as fit has them.
            MomentsOfFiles<Moments> whole = Read(0);
            MomentsOfFiles<Moments> dealt = Read(Cut.FoldsOf(Bandwidth.By(BandwidthRule.KFold)));
            RuleResult[] results = [.. _rules.Select(rule =>
            {
                long start = Stopwatch.GetTimestamp();
                MomentsOfFiles<Moments> read = rule == BandwidthRule.KFold ? dealt : whole;
                MomentRegression model = OnePassFit.Fit(
                    read, files, options with { Bandwidth = Bandwidth.By(rule) }, isQuiet, cancellationToken);
                return RuleResult.Of(BandwidthRules.NameOf(rule), model, [.. OnePassFit.Notes(read, model, files)]) with
                {
                    Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                };
            })];
            return (new RuleRows(files.Source, whole.Rows, whole.LeftOut.Missing, [whole.Columns.X], whole.Columns.Kinds, []), results);
        }
        catch (RegressionDataException e)
        {
            throw files.Unusable(e);
        }

        MomentsOfFiles<Moments> Read(int folds) => ProgressBar.Show("read", isQuiet, progress => MomentFiles.OfCells(
            files, new Cut(null, options.Degree, folds)).Read(null, null, progress, cancellationToken));
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
