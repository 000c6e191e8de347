using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>The options of fits to counts and to yes and no, and what their columns of text mean.</summary>
internal sealed class FamilyOptions
{
    private static readonly string[] _yes = ["1", "1.0", "true", "t", "yes", "y"];
    private static readonly string[] _no = ["0", "0.0", "false", "f", "no", "n"];

    private readonly Option<string?> _family = Options.Text(
        "--family",
        "binomial|poisson",
        "The target is yes or no (0 and 1, true and false, or two texts), or a count: fit its probability or rate by local likelihood");

    private readonly Option<string?> _yesText = Options.Text(
        "--yes", "text", "With --family binomial, the text of the target that counts as yes, where it is none of 1, true and yes");

    public void AddTo(Command command) => command.AddAll(_family, _yesText);

    /// <summary>What was asked for; null for values of any kind.</summary>
    public ResponseFamily? Read(ParseResult parsed, ExamplesOptions examples, string? by)
    {
        ResponseFamily? family = parsed.GetValue(_family)?.ToLowerInvariant() switch
        {
            null => null,
            "binomial" => ResponseFamily.Binomial,
            "poisson" => ResponseFamily.Poisson,
            _ => throw CliException.WrongInput(
                $"--family: expected binomial or poisson, got '{PlainText.Brief(parsed.GetValue(_family)!)}'"),
        };
        string? wrong = family != ResponseFamily.Binomial && parsed.GetValue(_yesText) is not null
                ? "--yes: expected --family binomial beside it"
            : family is null ? null
            : by is not null ? "--by: expected a target of any numbers, got --family"
            : examples.AreClasses(parsed) ? "--classes: expected no --family beside it"
            : examples.PredictsMissing(parsed) ? "--missing predict: expected a target of any numbers, got --family"
            : null;
        return wrong is null ? family : throw CliException.WrongInput(wrong);
    }

    /// <summary>Reads the examples, with values of a family where there is one.</summary>
    public Examples Examples(ParseResult parsed, ExamplesOptions options, ResponseFamily? family, string? by)
    {
        Examples examples = options.Read(parsed, by, hasTexts: family == ResponseFamily.Binomial);
        if (family == ResponseFamily.Binomial)
        {
            return WithYes(examples, parsed.GetValue(_yesText));
        }

        int wrong = family is null ? -1 : Array.FindIndex(examples.Y, y => !(y >= 0 && y == Math.Floor(y)));
        return wrong < 0 ? examples
            : throw Wrong(
                examples, "counts, whole numbers of at least 0",
                $"{NumberText.Format(examples.Y[wrong])} in {FitNotes.Rows(examples, [wrong])}");
    }

    /// <summary>The options of a fit, with what local likelihood does not have refused.</summary>
    public static void Check(KernelRegressionOptions options, Examples examples)
    {
        string? other = examples.Categories is not null ? "--category: expected features of numbers"
            : options.RobustIterations > 0 ? "--robust: expected no residuals to weigh by"
            : examples.WeightsAre == WeightMeaning.Frequencies ? "--weights-are: expected precisions"
            : options.Periods.Any(double.IsFinite) ? "--period: expected features that do not repeat"
            : options.LeaveOutTies ? "--leave-out-ties: expected rows left out one by one"
            : options.NoNeighbour != NoNeighbourPolicy.NaN ? "--no-neighbour: expected nan"
            : options.Bandwidth is { IsShare: true } || options.Bandwidth is { Values.Count: 0, Rule: var rule }
                && !LocalLikelihood.IsRule(rule) ? $"--bandwidth: expected {FitOptions.RulesOrNumbers(LocalLikelihood.IsRule)}"
            : null;
        if (other is not null)
        {
            throw CliException.WrongInput($"{other} beside --family");
        }
    }

    // Texts of two kinds as 1 and 0.
    private static Examples WithYes(Examples examples, string? asked)
    {
        string[] kinds = [.. examples.Labels!.Distinct().Order(StringComparer.Ordinal)];
        string? yes = asked ?? kinds.FirstOrDefault(kind => IsIn(_yes, kind));
        if (kinds.Length > 2)
        {
            IEnumerable<KeyValuePair<string, int>> counts = examples.Labels!.CountBy(kind => kind);
            string[] usual = [.. counts.OrderByDescending(pair => pair.Value).Take(2).Select(pair => pair.Key)];
            int row = examples.Labels!.ToList().FindIndex(kind => !usual.Contains(kind));
            throw Wrong(
                examples, $"two kinds of values, such as {PlainText.List(usual)}",
                $"'{PlainText.Brief(examples.Labels![row])}' in {FitNotes.Rows(examples, [row])}");
        }

        if (kinds.Length == 1)
        {
            throw Wrong(examples, "values of two kinds", $"'{PlainText.Brief(kinds[0])}' in all {examples.Count} rows");
        }

        if (yes is null || !kinds.Contains(yes) || (asked is null && !IsIn(_no, kinds.First(kind => kind != yes))))
        {
            throw CliException.WrongInput(
                $"--yes: expected the text that counts as yes, one of {PlainText.List(kinds)}, got "
                    + (asked is null ? "none" : $"'{PlainText.Brief(asked)}'"));
        }

        return examples with
        {
            Y = [.. examples.Labels!.Select(kind => kind == yes ? 1.0 : 0)],
            Labels = null,
            Yes = yes,
        };

        static bool IsIn(string[] texts, string text) => texts.Contains(text.Trim(), StringComparer.OrdinalIgnoreCase);
    }

    private static TableException Wrong(Examples examples, string expected, string found) =>
        new(TableProblem.Unusable, examples.Source) { Column = examples.Target, Expected = expected, Found = found };
}
