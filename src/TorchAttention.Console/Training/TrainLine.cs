using System.CommandLine.Parsing;

namespace TorchAttention.Cli.Training;

/// <summary>What becomes of an option when the run goes on: the run has its own, or it may be given anew, as before unless it is.</summary>
internal enum OnResume
{
    Fixed,
    Training,
    Surroundings,

    /// <summary>What is printed: nothing of before stays.</summary>
    Printing,
}

/// <summary>
/// The options of <c>train</c> as <see cref="TrainOptions"/> declares them: collected for the command's help and parser, and read from a
/// command line; where a run goes on, from its own and the one it was begun with.
/// </summary>
internal sealed class TrainLine(ParseResult? now = null, ParseResult? then = null)
{
    private readonly List<Declared> _declared = [];

    public IEnumerable<Option> Options => _declared.Select(one => one.Option);

    /// <summary>The names of those that may be given anew where a run goes on.</summary>
    public IEnumerable<string> Changeable =>
        _declared.Where(one => one.OnResume != OnResume.Fixed).OrderBy(one => one.OnResume).Select(one => one.Option.Name);

    /// <summary>The command with all options.</summary>
    public static Command NewCommand()
    {
        var command = new Command("train", "Average, nonparametric and learned attention pooling: compute, train, draw, compare");
        command.AddAll(new TrainOptions(new TrainLine()).Line.Options);
        return command;
    }

    /// <summary>A recorded command line.</summary>
    /// <param name="file">Where it is recorded, for messages.</param>
    /// <param name="arguments">The command line.</param>
    public static ParseResult Parse(string file, IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Parse(arguments);
        return parsed.Errors.Count == 0 ? parsed : throw CliException.WrongInput(
            $"{TrainOptions.ResumeName}: '{file}' was written by another version or changed ({parsed.Errors[0].Message})");
    }

    /// <summary>A command line of texts that are none of a response file.</summary>
    public static ParseResult Parse(IReadOnlyList<string> arguments) =>
        NewCommand().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });

    /// <summary>A line that begins with another command line, as if a run of that went on.</summary>
    public TrainLine Beginning(ParseResult other) => new(now, other);

    /// <summary>Whether an option is of the training, and not of what is around it.</summary>
    public bool IsOfTheTraining(Option option) =>
        _declared.Exists(one => one.Option == option && one.OnResume is OnResume.Fixed or OnResume.Training);

    /// <summary>What stands on a command line: without the command's own name, and each option apart from its value.</summary>
    public static string[] Arguments(ParseResult parsed) =>
        [.. parsed.Tokens.Where(token => token.Type is TokenType.Option or TokenType.Argument).Select(token => token.Value)];

    /// <summary>A command line without some options and their values.</summary>
    public static IEnumerable<string> Without(IReadOnlyList<string> arguments, params string[] options)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            if (options.Contains(arguments[i]))
            {
                i++;
                continue;
            }

            yield return arguments[i];
        }
    }

    /// <summary>Declares an option, and gives its value; the default where there is no command line, or not this option on it.</summary>
    /// <param name="option">Name, help and parser.</param>
    /// <param name="to">Where it has an effect.</param>
    /// <param name="onResume">What becomes of it when the run goes on.</param>
    /// <param name="record">Writes it to <c>config.json</c>, whose values stand in the order of the declarations.</param>
    public T Take<T>(
        Option<T> option,
        AppliesTo? to = null,
        OnResume onResume = OnResume.Fixed,
        Action<Utf8JsonWriter, TrainOptions>? record = null)
    {
        T? value = now is null ? default : now.GetValue<T>(option.Name);
        bool isNow = then is null || onResume == OnResume.Printing || (onResume != OnResume.Fixed && IsSet(value));
        T? taken = isNow ? value : then!.GetValue<T>(option.Name);
        _declared.Add(new Declared(option, to, onResume, record, IsSet(taken)));
        return taken!;
    }

    /// <summary>Refuses an option that was given and would have no effect.</summary>
    /// <param name="options">What was declared on this line.</param>
    /// <param name="ofData">Whether to look at those of some data only, or at all others.</param>
    public void Check(TrainOptions options, bool ofData)
    {
        IEnumerable<Declared> idle = _declared.Where(one =>
            one.IsSet && one.To?.IsOfData == ofData && !one.To.Holds(options));
        if (idle.MinBy(one => one.To!.Rank) is Declared first)
        {
            throw CliException.WrongInput($"{first.Option.Name} applies {first.To!.Where} only");
        }
    }

    /// <summary>Writes the options to <c>config.json</c>, without those of other models and other data.</summary>
    public void Record(Utf8JsonWriter json, TrainOptions options)
    {
        foreach (Declared one in _declared.Where(one => one.To is not { IsOfTraining: false } || one.To.Holds(options)))
        {
            one.Record?.Invoke(json, options);
        }
    }

    private static bool IsSet<T>(T? value) => !EqualityComparer<T>.Default.Equals(value, default);

    private sealed record Declared(
        Option Option, AppliesTo? To, OnResume OnResume, Action<Utf8JsonWriter, TrainOptions>? Record, bool IsSet);
}
