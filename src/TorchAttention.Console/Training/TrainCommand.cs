using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace TorchAttention.Cli.Training;

/// <summary>The command line of <c>train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        Command command = Build();
        command.SetAction(parsed =>
        {
            TrainOptions options = new TrainOptions(new TrainLine(parsed)) with { Arguments = Arguments(parsed) };
            options = options.Resume is string directory ? GoOn(parsed, options, directory) : options;
            options.Check();
            return options.Seeds is > 1 ? SeedsJob.Run(options) : TrainJob.Run(options);
        });
        return command;
    }

    /// <summary>A recorded command line.</summary>
    /// <param name="file">Where it is recorded, for messages.</param>
    /// <param name="arguments">The command line.</param>
    public static ParseResult Parse(string file, IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Build().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parsed.Errors.Count == 0 ? parsed : throw CliException.WrongInput(
            $"{TrainOptions.ResumeName}: '{file}' was written by another version or changed ({parsed.Errors[0].Message})");
    }

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

    private static Command Build()
    {
        var command = new Command("train", "Average, nonparametric and learned attention pooling: compute, train, draw, compare");
        foreach (Option option in new TrainOptions(new TrainLine()).Line.Options)
        {
            command.Add(option);
        }

        return command;
    }

    private static TrainOptions GoOn(ParseResult parsed, TrainOptions now, string directory)
    {
        string[] given = [.. parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value)];
        string[] changeable = [.. now.Line.Changeable];
        if (given.FirstOrDefault(option => option != TrainOptions.ResumeName && !changeable.Contains(option)) is string other)
        {
            throw CliException.WrongInput(
                $"{other} cannot be given with {TrainOptions.ResumeName}: the run has its own; only {string.Join(", ", changeable)} can change");
        }

        TrainOptions then = RunConfig.Read(directory, parsed) with { Resume = directory, Out = directory };
        const string epochs = TrainOptions.EpochsName;
        return !given.Contains(epochs) ? then : then with
        {
            Arguments = [.. Without(then.Arguments, epochs), epochs, now.Epochs.ToString(CultureInfo.InvariantCulture)],
        };
    }

    // Without the command's own name, and each option apart from its value.
    private static string[] Arguments(ParseResult parsed) =>
        [.. parsed.Tokens.Where(token => token.Type is TokenType.Option or TokenType.Argument).Select(token => token.Value)];
}
