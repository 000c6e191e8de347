using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say which features are categories.</summary>
internal sealed class CategoryOptions
{
    private readonly Option<string?> _unordered = Options.Text(
        "--category", "columns", "Features whose fields are names, even where they look like numbers (a column of text is one by itself)");

    private readonly Option<string[]> _ordered = new("--ordered")
    {
        Description = "A feature whose fields are names in an order, such as size=S,M,L (the option again for another)",
        HelpName = "column=level,level,...",
    };

    public void AddTo(Command command) => command.AddAll(_unordered, _ordered);

    /// <summary>The order of the levels of each category that is named, none where they have none.</summary>
    public Dictionary<string, string[]> Read(ParseResult parsed)
    {
        var found = new Dictionary<string, string[]>();
        foreach (string name in parsed.GetValue(_unordered)?.Split(',') ?? [])
        {
            Add(found, "--category", name.Trim(), []);
        }

        foreach (string text in parsed.GetValue(_ordered) ?? [])
        {
            int sign = text.IndexOf('=', StringComparison.Ordinal);
            string[] levels = sign < 1 ? [] : [.. text[(sign + 1)..].Split(',').Select(level => level.Trim())];
            if (levels.Length < 2 || levels.Contains("") || levels.Distinct().Count() < levels.Length)
            {
                throw CliException.WrongInput(
                    $"--ordered: expected a column and its levels in order, such as size=S,M,L, got '{PlainText.Brief(text)}'");
            }

            Add(found, "--ordered", text[..sign].Trim(), levels);
        }

        return found;
    }

    /// <summary>The categories of the rows that were read; their levels become places in the levels' own order.</summary>
    /// <param name="rows">What was read.</param>
    /// <param name="features">The features' names.</param>
    /// <param name="x">Keys (n, d), whose levels are put in order.</param>
    /// <param name="asked">The order of the levels of each category that was named.</param>
    /// <param name="source">The file, for messages.</param>
    /// <returns>The category of each feature; null where it is one of numbers.</returns>
    public static Category?[] Arrange(
        TableRows rows, string[] features, double[] x, IReadOnlyDictionary<string, string[]> asked, string source)
    {
        var categories = new Category?[features.Length];
        for (int j = 0; j < features.Length; j++)
        {
            if (rows.Kinds[j] != ColumnKind.Category)
            {
                continue;
            }

            bool hasOpen = Enumerable.Range(0, x.Length / features.Length).Any(i => double.IsNaN(x[(i * features.Length) + j]));
            string[] read = [.. rows.LevelsOf(j).Union(hasOpen ? [TableRows.MissingLevel] : Array.Empty<string>())];
            string[] order = asked.GetValueOrDefault(features[j], []);
            if (read.Length > Examples.MostClasses)
            {
                throw Examples.TooManyClasses(source, features[j], $"{read.Length}");
            }

            if (order.Length > 0 && read.FirstOrDefault(level => !order.Contains(level)) is string unknown)
            {
                throw CliException.WrongInput(
                    $"{PlainText.Brief(source, 500)}, column '{PlainText.Brief(features[j])}': expected one of the levels of --ordered, "
                        + $"{PlainText.List(order)}, found '{PlainText.Brief(unknown)}'");
            }

            string[] levels = order.Length > 0 ? order : [.. read.Order(StringComparer.Ordinal)];
            for (int i = j; i < x.Length; i += features.Length)
            {
                x[i] = Array.IndexOf(levels, double.IsNaN(x[i]) ? TableRows.MissingLevel : read[(int)x[i]]);
            }

            categories[j] = new Category(levels, order.Length > 0 ? CategoryKernel.LiRacine : CategoryKernel.AitchisonAitken);
        }

        return categories;
    }

    /// <summary>Refuses what is not for categories.</summary>
    public static void Check(Examples examples, KernelRegressionOptions options, PictureOptions picture)
    {
        string[] numbers = [.. examples.Features.Where((_, j) => examples.Categories![j] is null)];
        string category = examples.Features[examples.Categories!.ToList().FindIndex(one => one is not null)];
        (string Option, string Expected)? wrong =
            numbers.Length == 0 ? ("--x", "a feature of numbers as well")
            : picture.By is not null ? ("--by", "features of numbers")
            : examples.Labels is not null ? ("--classes", "features of numbers")
            : options.Periods.Any(double.IsFinite) ? ("--period", "features of numbers")
            : options.LeaveOutTies ? ("--leave-out-ties", "features of numbers")
            : options.NoNeighbour != NoNeighbourPolicy.NaN ? ("--no-neighbour", "nan")
            : options.RobustIterations > 0 ? ("--robust", "features of numbers")
            : picture.IsLogX ? ("--log-x", "features of numbers")
            : picture.IsLogY ? ("--log-y", "features of numbers")
            : options.Bandwidth is { IsShare: true } || options.Bandwidth is { Values.Count: 0, Rule: var rule }
                && !MixedRegression.IsRule(rule) ? ("--bandwidth", FitOptions.RulesOrNumbers(MixedRegression.IsRule))
            : options.Bandwidth.Values.Count > 1 && options.Bandwidth.Values.Count != numbers.Length
                || options.SearchBounds is { Count: > 1 and var pairs } && pairs != numbers.Length
                ? ("--bandwidth", $"one for each of {PlainText.List(numbers)}")
            : null;
        if (wrong is var (option, expected))
        {
            throw CliException.WrongInput($"{option}: expected {expected} beside the category '{PlainText.Brief(category)}'");
        }

        FitOptions.CheckTerms(options, numbers.Length);
    }

    private static void Add(Dictionary<string, string[]> found, string option, string name, string[] levels)
    {
        if (!found.TryAdd(name, levels))
        {
            throw CliException.WrongInput($"{option}: expected the category '{PlainText.Brief(name)}' once, got it twice");
        }
    }
}
