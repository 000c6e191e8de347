using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Likelihood;

namespace TorchAttention.Cli.Regression;

/// <summary>What a rule for bandwidths came to on some rows.</summary>
/// <param name="Rule">The rule's name.</param>
internal sealed record RuleResult(string Rule)
{
    /// <summary>The rules that there are for a fit.</summary>
    public static IReadOnlyList<BandwidthRule> For(Examples examples, ResponseFamily? family) => [.. BandwidthRules.All.Where(
        rule => family is not null ? LocalLikelihood.IsRule(rule) : examples.Categories is null || MixedRegression.IsRule(rule))];

    /// <summary>The bandwidth of each feature (d), of a category its lambda.</summary>
    public IReadOnlyList<double> Widths { get; private init; } = [];

    /// <summary>What the fit is judged by, the leave-one-out error first.</summary>
    public IReadOnlyList<Figure> Figures { get; private init; } = [];

    /// <summary>The search of a fit to numbers or of a likelihood.</summary>
    public BandwidthSearch? Search { get; private init; }

    /// <summary>From where to where a bandwidth is as good, within one standard error.</summary>
    public IReadOnlyList<(double Least, double Most)> Spans { get; private init; } = [];

    public IReadOnlyList<string> Notes { get; private init; } = [];

    public double Seconds { get; init; }

    /// <summary>Why there is no fit; null where there is one.</summary>
    public TableException? Refusal { get; private init; }

    public static RuleResult Find(
        BandwidthRule rule, Examples examples, ResponseFamily? family, KernelRegressionOptions options, IProgress<double> progress,
        CancellationToken cancellationToken)
    {
        string name = BandwidthRules.NameOf(rule);
        KernelRegressionOptions asked = options with { Bandwidth = Bandwidth.By(rule) };
        long start = Stopwatch.GetTimestamp();
        try
        {
            RuleResult found = family is ResponseFamily known
                ? Of(name, examples, LikelihoodSummary.FitModel(examples, known, asked, progress, cancellationToken))
                : examples.Categories is not null ? Of(name, examples, MixedSummary.FitModel(examples, asked, cancellationToken))
                : Of(name, examples, examples.Fit(asked, progress, cancellationToken));
            return found with { Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds };
        }
        catch (TableException e)
        {
            return new RuleResult(name) { Refusal = e, Notes = [e.Problem] };
        }
    }

    public void WriteTo(Utf8JsonWriter json, RuleRows rows)
    {
        if (Refusal is not null)
        {
            json.WriteString("problem", Refusal.Problem);
            return;
        }

        json.WriteNumbers("bandwidth", Widths.Select((width, j) => rows.IsCategory(j) ? double.NaN : width));
        if (rows.AreMixed)
        {
            json.WriteNumbers("lambda", Widths.Select((width, j) => rows.IsCategory(j) ? width : double.NaN));
        }

        if (Search is not null)
        {
            json.WriteBoolean("at_bound", Search.IsAtBound);
            json.WriteBoolean("flat", Search.IsFlat);
            json.WritePairs("within_one_standard_error", Spans);
        }

        foreach (Figure figure in Figures)
        {
            json.WriteNumberOrNull(figure.Key, figure.Value);
        }

        json.WriteNumber("seconds", Math.Round(Seconds, 6));
    }

    /// <summary>What a fit by moments came to, which has no span of bandwidths.</summary>
    public static RuleResult Of(string rule, MomentRegression model, IReadOnlyList<string> notes) => new(rule)
    {
        Widths = [model.Bandwidth],
        Figures = Judged(model.Diagnostics),
        Search = model.Search,
        Notes = notes,
    };

    private static RuleResult Of(string rule, Examples examples, KernelRegression model) => new(rule)
    {
        Widths = model.Bandwidths,
        Figures = Judged(model.Diagnostics),
        Search = model.Search,
        Spans = model.SpansWithinOneStandardError(),
        Notes = [.. FitNotes.List(examples, model)],
    };

    private static RuleResult Of(string rule, Examples examples, MixedRegression model) => new(rule)
    {
        Widths = [.. model.Bandwidths.Zip(model.Lambdas, (h, lambda) => double.IsNaN(h) ? lambda : h)],
        Figures = Judged(model.Diagnostics),
        Notes = [.. MixedSummary.NotesOf(examples, model)],
    };

    private static RuleResult Of(string rule, Examples examples, LocalLikelihood model) => new(rule)
    {
        Widths = model.Bandwidths,
        Figures =
        [
            new Figure("loo deviance", "leave_one_out_deviance", model.Likelihood.LeaveOneOutDeviance),
            new Figure("AIC", "aic", model.Likelihood.AIC),
            new Figure("df", "effective_degrees_of_freedom", model.Likelihood.EffectiveDegreesOfFreedom),
        ],
        Search = model.Search,
        Notes = [.. LikelihoodSummary.NotesOf(examples, model)],
    };

    private static Figure[] Judged(Diagnostics said) =>
    [
        new("loo RMSE", "leave_one_out_rmse", Math.Sqrt(said.LeaveOneOutError)),
        new("AICc", "aicc", said.AICc),
        new("GCV", "gcv", said.GCV),
        new("df", "effective_degrees_of_freedom", said.EffectiveDegreesOfFreedom),
    ];

    /// <summary>A number that a fit is judged by.</summary>
    /// <param name="Name">As a column's header.</param>
    /// <param name="Key">In JSON.</param>
    /// <param name="Value">The number.</param>
    public sealed record Figure(string Name, string Key, double Value);
}
