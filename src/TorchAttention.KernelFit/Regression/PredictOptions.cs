using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say what is predicted of each row: of <c>predict</c>, and of a request to <c>serve</c>.</summary>
internal sealed class PredictOptions
{
    private const string Auto = "auto";

    private static readonly Dictionary<string, IntervalKind> _intervals = new()
    {
        ["mean"] = IntervalKind.Mean,
        ["plain"] = IntervalKind.MeanWithoutBias,
        ["new"] = IntervalKind.NewObservation,
        ["new-quantiles"] = IntervalKind.NewObservationQuantiles,
        ["new-jackknife"] = IntervalKind.JackknifePlus,
    };

    private readonly CsvFileOptions _file = new();
    private readonly Option<double?> _level = Options.Fraction("--level", "The level of the intervals (default 0.95)");
    private readonly Option<string> _interval = Options.OneOf(
        "--interval", "What lower and upper are of", Auto, _intervals.Keys.Prepend(Auto).ToDictionary(name => name));
    private readonly Option<string?> _keep = Options.Text(
        "--keep", $"columns|{RowsToPredict.All}",
        $"Columns of the queries' file to carry along, separated by commas, or {RowsToPredict.All} in the file's order");
    private readonly Option<bool> _simultaneous = Options.Flag("--simultaneous", "Bands that cover the whole curve at once (one feature)");
    private readonly Option<bool> _slopes = Options.Flag("--slopes", "The derivative by each feature as well");
    private readonly Option<UnknownGroups> _unknown = Options.OneOf(
        "--unknown-groups", "With a model of groups, what becomes of a row whose group has no curve", UnknownGroups.Error,
        Options.Names<UnknownGroups>());
    private readonly Option<UnseenLevels> _unseen = Options.OneOf(
        "--unseen", "With a model of categories, what becomes of a row with a level that no example has: mean weighs all levels alike",
        UnseenLevels.Error, Options.Names<UnseenLevels>());

    /// <summary>What an interval is called; null for what a model has as a rule.</summary>
    public static string NameOf(IntervalKind? interval) =>
        interval is { } kind ? _intervals.Single(pair => pair.Value == kind).Key : Auto;

    public void AddTo(Command command)
    {
        _file.AddTo(command);
        command.AddAll(_keep, _interval, _level, _simultaneous, _slopes, _unknown, _unseen);
    }

    /// <summary>How the queries are written.</summary>
    public CsvOptions Csv(ParseResult parsed) => _file.Read(parsed);

    /// <summary>The columns that are carried along; null for none.</summary>
    public string? Keep(ParseResult parsed) => parsed.GetValue(_keep);

    /// <summary>What is asked of a model that was fitted.</summary>
    public PredictionRequest Read(ParseResult parsed) => new()
    {
        Options = new PredictionOptions
        {
            Level = parsed.GetValue(_level) ?? new PredictionOptions().Level,
            IsSimultaneous = parsed.GetValue(_simultaneous),
            HasSlopes = parsed.GetValue(_slopes),
        },
        Interval = _intervals.TryGetValue(parsed.GetValue(_interval) ?? Auto, out IntervalKind kind) ? kind : null,
        Unknown = parsed.GetResult(_unknown) is { Implicit: false } ? parsed.GetValue(_unknown) : null,
        Unseen = parsed.GetResult(_unseen) is { Implicit: false } ? parsed.GetValue(_unseen) : null,
    };

    /// <summary>Refuses options that a model of <c>train</c> has no answer to.</summary>
    public void RefuseForTrained(ParseResult parsed) => Refuse(
        parsed, "fit", [_interval, _level, _simultaneous, _slopes, _unknown, _unseen], "what train saves has no standard error");

    /// <summary>What is asked of shards.</summary>
    /// <param name="parsed">What is given.</param>
    /// <param name="hasErrors">Whether sigma is, of which errors are made.</param>
    /// <exception cref="CliException">One is given that shards have no answer to.</exception>
    public PredictionOptions ReadForShards(ParseResult parsed, bool hasErrors)
    {
        Refuse(parsed, "fit", [_simultaneous, _unknown, _unseen], "of shards the mean and its neighbours are predicted");
        if (!hasErrors && Given(parsed, [_interval, _level]) is Option given)
        {
            throw CliException.WrongInput($"{given.Name}: expected --sigma beside it, without which shards have no standard error");
        }

        PredictionRequest request = Read(parsed);
        return request.Interval is null or IntervalKind.MeanWithoutBias ? request.Options with { HasErrors = hasErrors }
            : throw CliException.WrongInput(
                $"{_interval.Name}: expected {NameOf(IntervalKind.MeanWithoutBias)} of shards, whose errors are by --sigma alone, got "
                    + $"{NameOf(request.Interval)}; models of fit have others");
    }

    /// <summary>Refuses options that are for other models.</summary>
    /// <param name="parsed">What is given.</param>
    /// <param name="whose">The command that makes the other models.</param>
    /// <param name="options">Their options.</param>
    /// <param name="why">Why the others have none.</param>
    public static void Refuse(ParseResult parsed, string whose, IEnumerable<Option> options, string why)
    {
        if (Given(parsed, options) is Option given)
        {
            throw CliException.WrongInput($"{given.Name} applies to models of {whose} only: {why}");
        }
    }

    private static Option? Given(ParseResult parsed, IEnumerable<Option> options) =>
        options.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false });
}
