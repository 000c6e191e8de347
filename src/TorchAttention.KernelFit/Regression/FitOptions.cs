using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Polynomials;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say how a model is fitted.</summary>
internal sealed class FitOptions
{
    private readonly Option<string?> _kernel = Options.Text(
        "--kernel", "kernel", $"The kernel: {KernelNames} (default gaussian; tricube with --bandwidth {Nearest}...)");

    private const string Auto = "auto";
    private const string Freedom = "df=";
    private const string Nearest = "nn=";

    // Between the two there is hardly a curve that a third one fits better (docs/fitting.md).
    private static readonly int[] _autoDegrees = [1, 2];

    private readonly Option<string?> _degree = Options.Text(
        "--degree",
        "number|auto",
        "0: local constant (Nadaraya-Watson), 1: local linear, 2: local quadratic, 3: local cubic, "
            + "auto: 1 or 2, both with a ridge, whichever has the smaller leave-one-out error (default auto; 0 with --classes and in one "
            + "pass)");

    private readonly Option<double?> _ridge = Options.NotNegativeNumber(
        "--ridge",
        "The weight, in rows, with which slope and bend are held at 0 per bandwidth: keeps thin tails from going astray; 0 for none "
            + "(default 0.25 with the degrees 2, 3 and auto, else 0)");

    private readonly Option<int?> _robust = Options.WholeNumber(
        "--robust",
        "How often to fit again with bisquare weights of the residuals, against outliers; 3 is lowess's and loess's (default 0). It "
            + "estimates where most values lie: not the mean where noise is skewed, or differs much from place to place",
        least: 0);

    private readonly Option<string?> _bandwidth = Options.Text(
        "--bandwidth",
        $"h,h,...|{Freedom}number|{Nearest}share|rule",
        "Bandwidths, one for all features or one for each, the effective degrees of freedom that they are to give, the share of the rows "
            + $"that is in reach of each place, such as {Nearest}0.3, or the rule that finds them: {RuleNames} (default loo), of shares "
            + $"{Nearest}loo");

    private readonly Option<string?> _bounds = Options.Text(
        "--search-bounds",
        "least,most",
        "The least and the largest bandwidth that a rule may choose, in the units of the features: "
            + "one pair for all of them or one for each (default: from a tenth of the smallest distances between rows to 8 times their "
                + "range)");

    private readonly Option<string[]> _periods = new("--period")
    {
        Description = "Features that repeat, such as hour=24 or direction=360: distances are around the circle (several with commas, or "
            + "the option again)",
        HelpName = "column=number,...",
    };

    private readonly Option<bool> _ties = Options.Flag(
        "--leave-out-ties", "Cross-validation leaves out all rows at one place together: for data with copies");
    private readonly Option<NoNeighbourPolicy> _noNeighbour = NoNeighbourOption();

    private readonly Option<int?> _threads = Options.WholeNumber(
        "--threads", "The most threads at work (default every processor)", least: 1);

    public static string KernelNames => string.Join(", ", SmoothingKernel.All.Select(kernel => kernel.Name));

    private static string SearchNames => string.Join(", ", BandwidthRules.All.Where(Searches).Select(BandwidthRules.NameOf));

    private static string RuleNames => string.Join(", ", BandwidthRules.All.Select(BandwidthRules.NameOf));

    public static Option<int?> DegreeOption(string description) => Options.WholeNumber("--degree", description, least: 0);

    /// <summary>The degree that was asked for.</summary>
    public static int DegreeOf(ParseResult parsed, Option<int?> option) =>
        parsed.GetValue(option) is not int degree ? 0
        : degree <= 1 ? degree
        : throw CliException.WrongInput($"--degree: expected 0 or 1, got {degree}");

    /// <summary>The kernel of a name.</summary>
    public static SmoothingKernel KernelOf(string name) => SmoothingKernel.Find(name)
        ?? throw CliException.WrongInput($"--kernel: expected one of {KernelNames}, got '{PlainText.Brief(name)}'");

    /// <summary>What becomes of a query without a neighbour.</summary>
    public static Option<NoNeighbourPolicy> NoNeighbourOption() => Options.OneOf(
        "--no-neighbour", "The prediction where no example is in reach", NoNeighbourPolicy.NaN, Options.Names<NoNeighbourPolicy>());

    /// <summary>What a bandwidth is asked for by.</summary>
    public static string NameOf(Bandwidth h) => h switch
    {
        { Rule: BandwidthRule rule } => $"{(h.IsShare ? Nearest : "")}{BandwidthRules.NameOf(rule)}",
        _ => h.ToString(),
    };

    /// <summary>The names of the rules that a fit of some kind has.</summary>
    public static string RulesOrNumbers(Func<BandwidthRule?, bool> isRule) =>
        string.Join(", ", BandwidthRules.All.Where(rule => isRule(rule)).Select(BandwidthRules.NameOf)) + " or numbers";

    /// <summary>What a bandwidth was found by.</summary>
    public static string RuleOf(Bandwidth h) => h.Values.Count > 0 ? "given" : NameOf(h);

    /// <summary>What a degree is called.</summary>
    public static string Local(KernelRegressionOptions options) => options.Degrees.Count > 0
        ? $"local {string.Join(" or ", options.Degrees.Select(NameOf))}{Robust(options)}"
        : $"local {NameOf(options.Degree)}{(options.RidgeInUse > 0 ? $", ridge {Short(options.RidgeInUse)}" : "")}{Robust(options)}";

    private static string Robust(KernelRegressionOptions options) => options.RobustIterations > 0 ? ", robust" : "";

    private static string NameOf(int degree) => degree switch { 0 => "constant", 1 => "linear", 2 => "quadratic", _ => "cubic" };

    public void AddTo(Command command, bool withBandwidth = true)
    {
        command.AddAll(_kernel, _degree, _ridge);
        if (withBandwidth)
        {
            command.AddAll(_bandwidth, _robust);
        }

        command.AddAll(_bounds, _periods, _ties, _noNeighbour, _threads);
    }

    public KernelRegressionOptions Read(ParseResult parsed)
    {
        string? kernel = parsed.GetValue(_kernel);
        string degree = parsed.GetValue(_degree) ?? "0";
        bool isAuto = degree.Equals(Auto, StringComparison.OrdinalIgnoreCase);
        Bandwidth h = parsed.GetValue(_bandwidth) is string text ? Parse(text) : Bandwidth.LeaveOneOut;
        var options = new KernelRegressionOptions
        {
            Kernel = kernel is null ? h.IsShare ? SmoothingKernel.Tricube : SmoothingKernel.Gaussian
                : KernelOf(kernel),
            Degree = isAuto ? 0 : Degree(degree),
            Degrees = isAuto ? _autoDegrees : [],
            Ridge = parsed.GetValue(_ridge),
            Bandwidth = h,
            RobustIterations = parsed.GetValue(_robust) ?? 0,
            SearchBounds = parsed.GetValue(_bounds) is string bounds ? ParseBounds(bounds) : null,
            LeaveOutTies = parsed.GetValue(_ties),
            NoNeighbour = parsed.GetValue(_noNeighbour),
            Threads = parsed.GetValue(_threads),
        };
        return parsed.GetValue(_degree) is null ? options : WithSlopeToHold(options);
    }

    /// <summary>The same for rows in memory, where what is not said of the degree depends on the data.</summary>
    public KernelRegressionOptions ReadFor(ParseResult parsed, Examples examples)
    {
        KernelRegressionOptions options = Read(parsed) with
        {
            Periods = Periods(parsed.GetValue(_periods) ?? [], examples.Features),
            WeightsAre = examples.WeightsAre,
        };
        int features = examples.Categories?.Count(category => category is null) ?? examples.Features.Count;
        return WithSlopeToHold(
            parsed.GetValue(_degree) is not null || examples.Labels is not null ? options
            : options.For(_autoDegrees[^1]).TooManyTerms(features) is null ? options with { Degrees = _autoDegrees }
            : options.For(1).TooManyTerms(features) is null || options.Ridge > 0 ? options.For(1)
            : options.For(0));
    }

    /// <summary>Refuses periods in one pass.</summary>
    public void CheckOnePass(ParseResult parsed)
    {
        if (parsed.GetValue(_periods) is { Length: > 0 })
        {
            throw CliException.WrongInput("--period: expected a fit to rows in memory, got one pass, whose feature lies on a line");
        }
    }

    // After how much each feature repeats; empty where none does.
    private static double[] Periods(string[] asked, IReadOnlyList<string> features)
    {
        double[] periods = [.. Enumerable.Repeat(double.PositiveInfinity, features.Count)];
        string[] parts = [.. asked.SelectMany(text => text.Split(','))];
        foreach (string part in parts)
        {
            int sign = part.LastIndexOf('=');
            string name = part[..Math.Max(sign, 0)].Trim();
            if (sign < 0 || Numbers(part[(sign + 1)..]) is not [double period])
            {
                throw CliException.WrongInput(
                    $"--period: expected a column and a positive number, such as hour=24, got '{PlainText.Brief(part)}'");
            }

            int feature = features.ToList().IndexOf(name);
            if (feature < 0)
            {
                throw CliException.WrongInput(
                    $"--period: expected one of the features {PlainText.List(features)}, got '{PlainText.Brief(name)}'");
            }

            periods[feature] = double.IsInfinity(periods[feature]) ? period
                : throw CliException.WrongInput($"--period: expected one period for '{PlainText.Brief(name)}', got two");
        }

        return parts.Length == 0 ? [] : periods;
    }

    private static KernelRegressionOptions WithSlopeToHold(KernelRegressionOptions options) =>
        options is not { Degree: 0, Degrees.Count: 0, Ridge: > 0 } ? options
            : throw CliException.WrongInput("--ridge: expected the degree 1, 2, 3 or auto beside it, got 0: a mean has no slope to hold");

    private static int Degree(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int degree) && degree <= KernelRegressionOptions.MostDegree
            ? degree
            : throw CliException.WrongInput($"--degree: expected 0, 1, 2, 3 or {Auto}, got '{text}'");

    /// <summary>Refuses classes with planes.</summary>
    public static void CheckDegreeOfClasses(KernelRegressionOptions options)
    {
        if (options.Degree != 0 || options.Degrees.Count > 0)
        {
            throw DegreeOfClasses(options.Degrees.Count > 0 ? Auto : $"{options.Degree}");
        }
    }

    /// <summary>The error for classes with planes.</summary>
    public static CliException DegreeOfClasses(string got) =>
        CliException.WrongInput($"--degree: expected 0 with --classes, got {got}: the probabilities of planes leave 0 to 1");

    /// <summary>Refuses bandwidths that are not one for all features or one for each.</summary>
    public static void CheckBandwidths(KernelRegressionOptions options, Examples examples)
    {
        int given = options.Bandwidth.Values.Count;
        if (given > 1 && given != examples.Features.Count)
        {
            throw CliException.WrongInput(
                $"--bandwidth: expected one bandwidth or one for each of {PlainText.List(examples.Features)}, got {given}");
        }

        if (options.SearchBounds is { Count: var pairs } && pairs != 1 && pairs != examples.Features.Count)
        {
            throw CliException.WrongInput(
                "--search-bounds: expected one pair least,most or one for each of "
                    + $"{string.Join(", ", examples.Features)}, got {pairs} pairs");
        }

        if (options.SearchBounds is not null && !(options.Bandwidth.Rule is BandwidthRule searched && Searches(searched)))
        {
            throw CliException.WrongInput(
                $"--search-bounds: expected a rule that searches ({SearchNames}), got --bandwidth {NameOf(options.Bandwidth)}");
        }

        if (examples.Labels is not null)
        {
            CheckDegreeOfClasses(options);
            RefuseRobust(options, "a target of numbers, got classes");
        }

        CheckTerms(options, examples.Features.Count);
        CheckShare(options, examples.Features.Count);

        if (options.Bandwidth.Rule is BandwidthRule rule && examples.Features.Count > BandwidthRules.MostFeaturesOf(rule))
        {
            throw CliException.WrongInput(
                $"--bandwidth: the rule {BandwidthRules.NameOf(rule)} is for one feature, got {examples.Features.Count}");
        }
    }

    /// <summary>Refuses robust iterations where there are none.</summary>
    public static void RefuseRobust(KernelRegressionOptions options, string expected)
    {
        if (options.RobustIterations > 0)
        {
            throw CliException.WrongInput($"--robust: expected {expected}");
        }
    }

    private static void CheckShare(KernelRegressionOptions options, int features)
    {
        string? other = !options.Bandwidth.IsShare ? null
            : features > 1 ? $"{features} features"
            : options.Periods.Any(double.IsFinite) ? "one with a --period"
            : options.LeaveOutTies ? "--leave-out-ties"
            : options.SearchBounds is [(_, > 1), ..] ? "--search-bounds that are no shares"
            : null;
        if (other is not null)
        {
            throw CliException.WrongInput($"--bandwidth: {Nearest} is for one feature, whose rows are left out one by one; got {other}");
        }
    }

    /// <summary>Refuses polynomials of too many terms.</summary>
    public static void CheckTerms(KernelRegressionOptions options, int features)
    {
        foreach (KernelRegressionOptions one in options.Degrees.Count == 0 ? [options] : options.Degrees.Select(options.For))
        {
            if (one.TooManyTerms(features) is int terms)
            {
                throw CliException.WrongInput(
                    $"--degree: expected a polynomial of at most {LocalPolynomials.MostTerms} terms, got the degree {one.Degree} in "
                        + $"{features} features, which has {terms}");
            }
        }
    }

    private static bool Searches(BandwidthRule rule) => BandwidthRules.CriterionOf(rule) is not null;

    private static Bandwidth Parse(string text)
    {
        if (BandwidthRules.Find(text) is BandwidthRule rule)
        {
            return Bandwidth.By(rule);
        }

        if (text.StartsWith(Nearest, StringComparison.OrdinalIgnoreCase))
        {
            string share = text[Nearest.Length..];
            return BandwidthRules.Find(share) is BandwidthRule searched && Searches(searched) ? Bandwidth.NearestBy(searched)
                : Numbers(share) is [<= 1 and var part] ? Bandwidth.Nearest(part)
                : throw CliException.WrongInput(
                    $"--bandwidth: expected a share of at most 1 or one of {SearchNames} after {Nearest}, got '{text}'");
        }

        if (text.StartsWith(Freedom, StringComparison.OrdinalIgnoreCase))
        {
            return Numbers(text[Freedom.Length..]) is [>= 1 and var freedom] ? Bandwidth.DegreesOfFreedom(freedom)
                : throw CliException.WrongInput($"--bandwidth: expected degrees of freedom of at least 1 after df=, got '{text}'");
        }

        return Bandwidth.Fixed(
            Numbers(text) ?? throw CliException.WrongInput(
                $"--bandwidth: expected positive numbers, {Freedom}number, {Nearest}share or one of {RuleNames}, got '{text}'"));
    }

    private static (double Least, double Most)[] ParseBounds(string text)
    {
        double[]? numbers = Numbers(text);
        (double Least, double Most)[] pairs = numbers is null || numbers.Length % 2 == 1 ? []
            : [.. numbers.Chunk(2).Select(pair => (pair[0], pair[1]))];
        return pairs.Length > 0 && pairs.All(pair => pair.Least < pair.Most) ? pairs
            : throw CliException.WrongInput(
                $"--search-bounds: expected positive numbers least,most with the first below the second, got '{text}'");
    }

    // Positive numbers with commas between them; null where they are others.
    private static double[]? Numbers(string text)
    {
        string[] parts = text.Split(',');
        double[] values = new double[parts.Length];
        bool isNumber((int Index, string Text) part) =>
            double.TryParse(part.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out values[part.Index])
            && values[part.Index] > 0 && double.IsFinite(values[part.Index]);
        return parts.Index().All(isNumber) ? values : null;
    }
}
