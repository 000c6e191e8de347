using TorchAttention.Files;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say what the examples are.</summary>
/// <param name="predictsMissing">Whether rows without a target may be predicted.</param>
/// <param name="hasCategories">Whether features may be categories.</param>
internal sealed class ExamplesOptions(bool predictsMissing = false, bool hasCategories = true)
{
    private const string MeaningName = "--weights-are";

    private readonly Option<string?> _data = Options.Text(
        Options.Data,
        "name|file",
        $"A CSV file with a header row, a table by its ending ({Endings}), - for CSV on standard input, or a built-in table ({BuiltIn})");

    private readonly Option<string?> _x = Options.Text(
        "--x", "columns", "The features' columns, separated by commas (by default a built-in table's own, or the first of a file's two)");
    private readonly Option<string?> _y = Options.Text(
        "--y",
        "column",
        "The target's column (by default a built-in table's own, or the second of a file's two); in one pass several, separated by commas");
    private readonly Option<string?> _weights = WeightsOption();
    private readonly Option<WeightMeaning> _meaning = MeaningOption();

    private readonly Option<bool> _classes = ClassesOption();
    private readonly CsvFileOptions _file = new(predictsMissing, hasCategories);
    private readonly CategoryOptions? _categories = hasCategories ? new CategoryOptions() : null;
    private readonly List<Option> _all = [];

    /// <summary>The endings of files other than CSV.</summary>
    public static string Endings => string.Join(", ", TableFile.Endings);

    /// <summary>The built-in tables' names.</summary>
    public static string BuiltIn => string.Join(", ", BuiltInTable.All.Select(table => table.Name));

    public static Option<string?> WeightsOption() => Options.Text("--weights", "column", "A column that says how much each row counts");

    public static Option<WeightMeaning> MeaningOption() => Options.OneOf(
        MeaningName,
        "What the weights are, how precise each row is (the variance of its noise is in proportion to 1/weight) or how many rows it stands "
            + "for",
        WeightMeaning.Precisions, Options.Names<WeightMeaning>());

    public static Option<bool> ClassesOption() =>
        Options.Flag("--classes", "The target is the name of a class: fit the classes' probabilities");

    public void AddTo(Command command)
    {
        int before = command.Options.Count;
        command.Add(Options.DataAlone());
        command.AddAll(_data, _x, _y, _weights, _meaning, _classes);
        _categories?.AddTo(command);
        _file.AddTo(command);
        _all.AddRange(command.Options.Skip(before));
    }

    /// <summary>Refuses all of them beside rows that say themselves what they are.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="whose">The option of those rows.</param>
    public void Refuse(ParseResult parsed, string whose)
    {
        if (_all.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option given)
        {
            throw CliException.WrongInput($"{whose}: expected no {given.Name} beside it, which says what the rows are");
        }
    }

    /// <summary>What is given of the data without reading them.</summary>
    public (string? Data, string? X, string? Y, string? Weights, CsvOptions Csv) Names(ParseResult parsed) =>
        (parsed.GetValue(_data), parsed.GetValue(_x), parsed.GetValue(_y), parsed.GetValue(_weights), _file.Read(parsed));

    /// <summary>What the weights are.</summary>
    public WeightMeaning MeaningOf(ParseResult parsed) => MeaningOf(parsed, _weights, _meaning);

    /// <summary>What the weights are, of a command's own options.</summary>
    public static WeightMeaning MeaningOf(ParseResult parsed, Option<string?> weights, Option<WeightMeaning> meaning) =>
        parsed.GetValue(weights) is not null || parsed.GetResult(meaning) is not { Implicit: false } ? parsed.GetValue(meaning)
            : throw CliException.WrongInput($"{MeaningName}: expected --weights beside it, the column of the weights");

    /// <summary>Whether a missing name of a category is a level of its own.</summary>
    public bool MissingIsLevel(ParseResult parsed) => _file.IsLevel(parsed);

    /// <summary>Whether rows without a target are to be predicted.</summary>
    public bool PredictsMissing(ParseResult parsed) => _file.Predicts(parsed);

    /// <summary>Whether the target is the name of a class.</summary>
    public bool AreClasses(ParseResult parsed) => parsed.GetValue(_classes);

    /// <param name="parsed">The command line.</param>
    /// <param name="by">The column of groups; null for none.</param>
    /// <param name="hasTexts">Whether the target is of texts, as that of classes is.</param>
    public Examples Read(ParseResult parsed, string? by = null, bool hasTexts = false)
    {
        string data = parsed.GetValue(_data) ?? throw CliException.WrongInput("--data: expected a file or a built-in table, got none");
        return Examples.Read(
            data, parsed.GetValue(_x), parsed.GetValue(_y), parsed.GetValue(_weights), hasTexts || parsed.GetValue(_classes),
            _file.Read(parsed), MeaningOf(parsed), by, _file.Predicts(parsed), _file.IsLevel(parsed), _categories?.Read(parsed));
    }
}
