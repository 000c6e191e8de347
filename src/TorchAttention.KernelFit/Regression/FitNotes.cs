using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What a reader of a fit's numbers should know: what was looked at, what was found, what to try.</summary>
internal static class FitNotes
{
    // The part of the rows that the degrees of freedom are where little is left to judge the fit by.
    private const double MostFreedom = 0.9;
    private const int MostRowsNamed = 3;

    // The part of the places that the degrees of freedom are where copies of rows predict each other.
    private const double MostOfCopies = 0.5;

    // A constant has 1 degree of freedom, a line 2.
    private const double MostFreedomOfALevel = 1.5;

    // The header is row 1.
    private const int FirstRow = 2;

    public static IEnumerable<string> List(Examples examples, KernelRegression model)
    {
        if (model.Search is { Bounds.Count: > 0 } search)
        {
            foreach (string note in OfSearch(examples, model, search))
            {
                yield return note;
            }
        }

        if (model.Search is { SetAside.Count: > 0 and var count } found)
        {
            yield return $"{FarRows(count)}, {Rows(examples, found.SetAside)}: {ChosenWithout(count)}";
        }

        if (PictureOptions.IsRobust(model))
        {
            yield return "robust iterations say where most values lie, which is not their mean where noise is skewed, or much larger "
                + "in one region than in others";
        }

        if (model.Diagnostics.EffectiveDegreesOfFreedom > MostFreedom * model.Count)
        {
            yield return $"{Short(model.Diagnostics.EffectiveDegreesOfFreedom)} degrees of freedom for {model.Count} rows: "
                + "the fit goes through nearly every one, and errors and bands say little; a wider --bandwidth smooths";
        }
    }

    /// <summary>What the widest bandwidth says of a feature.</summary>
    public static string NoHelp(string name, int degree) => degree switch
    {
        0 => $"{name} does not help",
        1 => $"nothing but a straight line of {name} helps",
        _ => $"nothing but one curve of degree {degree} in {name} helps",
    };

    /// <summary>How many rows are far.</summary>
    public static string FarRows(long count) => $"{(count == 1 ? "a row stands" : $"{count} rows stand")} far from all others";

    /// <summary>What follows for the bandwidth.</summary>
    public static string ChosenWithout(long count) =>
        $"the bandwidth was chosen without {(count == 1 ? "it" : "them")}, since no other row says anything there";

    /// <summary>Names rows: as a spreadsheet counts them, where none was left out, and by their features; the first of many.</summary>
    public static string Rows(Examples examples, IReadOnlyList<int> rows) =>
        string.Join(", ", rows.Take(MostRowsNamed).Select(i => Row(examples, i))) + (rows.Count > MostRowsNamed ? ", ..." : "");

    private static string Row(Examples examples, int row)
    {
        int d = examples.Features.Count;
        string place = string.Join(", ", examples.Features.Select((name, j) => $"{PlainText.Brief(name)} = {Place(j)}"));
        return examples is { DroppedRows: 0, Unanswered.Count: 0 } ? $"row {row + FirstRow} ({place})" : $"({place})";

        string Place(int feature)
        {
            double x = examples.X[(row * d) + feature];
            return examples.Kinds[feature] is not ColumnKind.Number ? PlainText.Brief(examples.Format(feature, x)) : Short(x);
        }
    }

    private static IEnumerable<string> OfSearch(Examples examples, KernelRegression model, BandwidthSearch search)
    {
        if (search.IsFlat)
        {
            IEnumerable<string> spans = examples.Features.Zip(
                search.EquallyGood, (name, span) => $"{PlainText.Brief(name)} from {Short(span.Least)} to {Short(span.Most)}");
            bool isOfCopies = !model.Options.LeaveOutTies && HasCopies(examples)
                && model.Diagnostics.EffectiveDegreesOfFreedom > MostOfCopies * Places(examples);
            yield return $"bandwidths do equally well here, as far as numbers can tell ({string.Join("; ", spans)}): " + (
                isOfCopies
                    ? "rows at one place predict each other, which --leave-out-ties prevents"
                    : "the widest was taken, the smoothest fit");
            yield break;
        }

        for (int j = 0; j < examples.Features.Count; j++)
        {
            string name = PlainText.Brief(examples.Features[j]);
            string lookedAt = $"{name}: {(search.IsShare ? "shares of the rows" : "bandwidths")} from {Short(search.Bounds[j].Least)} to "
                + $"{Short(search.Bounds[j].Most)} were looked at";
            if (search.IsAtMostBound(j))
            {
                string help = NoHelp(name, IsLevel(model) ? 0 : model.Options.Degree);
                yield return model.Options.SearchBounds is not null
                    ? $"{lookedAt}, as --search-bounds has it, and the widest predicts best: still wider ones may do better"
                    : model.Options.Periods.Count > 0 && double.IsFinite(model.Options.Periods[j])
                        ? $"{lookedAt}, and the widest, which reaches half the period, predicts best: {PlainText.Brief(examples.Target)} "
                            + $"varies slowly with {name}, if at all"
                            + (double.IsFinite(model.Options.Kernel.Support) ? "" : "; a kernel that ends (epanechnikov) averages wider")
                    : Refused(examples, search) is double refused
                        ? $"{lookedAt}; those up to {Short(refused)} leave too many rows without another in reach and were not "
                            + "taken, and of the others the widest predicts best" + (double.IsFinite(model.Options.Kernel.Support)
                                ? ": a kernel without an end (gaussian) takes them all" : "")
                    : $"{lookedAt}, and the widest predicts best: {help} to predict {PlainText.Brief(examples.Target)}";
            }
            else if (search.IsAtLeastBound(j))
            {
                bool isCopied = !model.Options.LeaveOutTies && HasCopies(examples);
                yield return $"{lookedAt}, and the narrowest predicts best: " + (
                    isCopied ? "rows at one place predict each other, which --leave-out-ties prevents"
                    : model.Options.SearchBounds is not null ? "still narrower ones, which --search-bounds keeps out, may do better"
                    : "each row is best predicted by its nearest alone, as where there is hardly any noise; "
                        + "--search-bounds keeps such bandwidths out");
            }
        }
    }

    // At a wide bandwidth of few rows the ridge leaves nothing of a line but its level.
    private static bool IsLevel(KernelRegression model) =>
        model is { Features: 1, Options.RidgeInUse: > 0 } && model.Diagnostics.EffectiveDegreesOfFreedom < MostFreedomOfALevel;

    // The widest bandwidth of one feature that a criterion did not take; null where it took all.
    private static double? Refused(Examples examples, BandwidthSearch search)
    {
        double[] refused = [.. search.Trials.Where(trial => double.IsPositiveInfinity(trial.Score)).Select(trial => trial.Bandwidths[0])];
        return examples.Features.Count == 1 && refused.Length > 0 ? refused.Max() : null;
    }

    private static bool HasCopies(Examples examples) => Places(examples) < examples.Count;

    private static int Places(Examples examples) =>
        examples.X.Chunk(examples.Features.Count).Select(place => string.Join(' ', place.Select(Exact))).Distinct().Count();
}
