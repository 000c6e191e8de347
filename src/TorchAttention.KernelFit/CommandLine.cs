using System.CommandLine.Help;
using System.CommandLine.Parsing;
using TorchAttention.Cli.Commands;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Entry;

/// <summary>A program's commands, and the one place where errors become a line and an exit code.</summary>
/// <param name="name">What the program is called.</param>
/// <param name="description">What the program is, for its help.</param>
/// <param name="commands">How each command is made, by name in the help's order.</param>
/// <param name="explain">What an error is that only this program knows; null where it does not.</param>
internal sealed class CommandLine(
    string name, string description, IReadOnlyDictionary<string, Func<Command>> commands, Func<Exception, CliException?>? explain = null)
{
    private const int LongestError = 1500;

    /// <summary>The commands of fits, which need no libtorch.</summary>
    /// <param name="trained">Those that know what else a file of a model may hold; null for none.</param>
    /// <param name="drawn">What data sets the program draws itself, for the list of them; null for none.</param>
    public static Dictionary<string, Func<Command>> OfFits(ITrainedModels? trained = null, string? drawn = null) => new()
    {
        ["fit"] = FitCommand.Create,
        ["predict"] = () => PredictCommand.Create(trained),
        ["bandwidth"] = BandwidthCommand.Create,
        ["evaluate"] = EvaluateCommand.Create,
        ["runs"] = RunsCommand.Create,
        ["report"] = ReportCommand.Create,
        ["datasets"] = () => DatasetsCommand.Create(drawn),
    };

    /// <summary>Runs what the arguments ask for.</summary>
    /// <returns>The exit code.</returns>
    public int Run(string[] args)
    {
        StandardStream output = StandardStream.Install();
        int code = Dispatch(args);
        return output.Failure is string failure && code == ExitCode.Done
            ? Fail(ExitCode.Failed, StandardStream.Lost(failure))
            : code;
    }

    private int Dispatch(string[] args)
    {
        var root = new RootCommand(description);
        foreach (Func<Command> create in Wanted(args))
        {
            root.Add(create());
        }

        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExitCodes((HelpAction)help.Action!, name);

        // An argument is what it says: '@data.csv' is a file of that name, and a first '[suggest]' no order to the parser, which would pass
        // over it.
        root.Directives.Clear();
        if (args is [['[', ..], ..])
        {
            return UnknownCommand(root, args[0]);
        }

        if (EmptyValue(root, args) is string option)
        {
            return Fail(ExitCode.WrongInput, $"{option}: expected a value, got ''");
        }

        ParseResult parsed = Parse(root, args.Length == 0 ? ["--help"] : args);
        Command command = parsed.CommandResult.Command;
        ArgumentResult? alone = parsed.CommandResult.Children.OfType<ArgumentResult>().FirstOrDefault(result => result.Tokens.Count > 0);
        string? argument = alone?.Tokens[0].Value;
        if (argument is ['-', _, ..] && !args.Contains("--"))
        {
            return UnknownOption(command, argument);
        }

        if (parsed.Errors.Count > 0)
        {
            return parsed.UnmatchedTokens is not [string unknown, ..] ? Fail(ExitCode.WrongInput, parsed.Errors[0].Message)
                : command == root ? UnknownCommand(root, unknown)
                : unknown is ['-', _, ..] && !args.Contains("--") ? UnknownOption(command, unknown)
                : Fail(ExitCode.WrongInput, $"{command.Name}: expected no '{PlainText.Brief(unknown)}'; see {command.Name} --help");
        }

        if (argument is not null && command.Options.FirstOrDefault(option => option.Name == Options.Data) is Option data)
        {
            if (parsed.GetResult(data) is { Implicit: false })
            {
                return Fail(ExitCode.WrongInput, $"{Options.Data}: expected the data once, got '{PlainText.Brief(argument)}' as well");
            }

            IEnumerable<Token> tokens = parsed.Tokens.Where(token => token.Type != TokenType.DoubleDash);
            parsed = Parse(
                root, [.. tokens.SelectMany(token => token == alone!.Tokens[0] ? (string[])[Options.Data, token.Value] : [token.Value])]);
        }

        try
        {
            RefuseMissingFolder(parsed);
            int code = parsed.Invoke(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
            return args.Length == 0 ? ExitCode.WrongInput : code;
        }
        catch (CliException e)
        {
            return Fail(e.ExitCode, e.Message);
        }
        catch (Exception e) when (e is TableException or StorageException or RunException)
        {
            return Fail(ExitCode.WrongInput, e.Message);
        }
        catch (OperationCanceledException)
        {
            return Fail(ExitCode.Interrupted, "interrupted");
        }
        catch (Exception e) when (explain?.Invoke(e) is CliException explained)
        {
            return Fail(explained.ExitCode, explained.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(ExitCode.Failed, e.Message);
        }
        catch (TypeInitializationException e) when (e.GetBaseException() is DllNotFoundException missing)
        {
            return Fail(ExitCode.Failed, $"a library that belongs beside the program is not there: {missing.Message}");
        }
        catch (Exception e)
        {
            // Nothing above foresaw this one. Its type helps whoever reports it; a trace would help nobody else.
            return Fail(ExitCode.Failed, $"{e.GetType().Name}: {e.Message}");
        }
    }

    private static ParseResult Parse(RootCommand root, string[] args) =>
        root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    // Some commands look at libraries that others never load: only the one that is asked for is made, all where it is none of them.
    private IEnumerable<Func<Command>> Wanted(string[] args) =>
        args.Length > 0 && commands.TryGetValue(args[0], out Func<Command>? one) ? [one] : commands.Values;

    private int UnknownCommand(RootCommand root, string unknown) => Fail(
        ExitCode.WrongInput,
        $"unknown command '{PlainText.Brief(unknown)}'{PlainText.DidYouMean(unknown, commands.Keys)}; the commands are "
            + string.Join(", ", root.Subcommands.Select(command => command.Name)));

    private static int UnknownOption(Command command, string unknown)
    {
        string name = unknown.Split('=', ':')[0];
        IEnumerable<string> names = command.Options.Select(option => option.Name);
        return Fail(
            ExitCode.WrongInput,
            $"{command.Name} has no option '{PlainText.Brief(name)}'{PlainText.DidYouMean(name, names)}; see {command.Name} --help");
    }

    // The parser passes over the nothing after '=' or ':' and takes the next argument for the value, another option's name even.
    private static string? EmptyValue(RootCommand root, string[] args)
    {
        HashSet<string> names = [.. root.Subcommands.SelectMany(command => command.Options).Select(option => option.Name)];
        string? argument = args.TakeWhile(arg => arg != "--").FirstOrDefault(arg => arg is [.., '=' or ':'] && names.Contains(arg[..^1]));
        return argument?[..^1];
    }

    // libtorch's own libraries end the process where there is no working folder.
    private static void RefuseMissingFolder(ParseResult parsed)
    {
        if (parsed.Action is not HelpWithExitCodes && !Directory.Exists("."))
        {
            throw new CliException(ExitCode.Failed, "the working folder is not there any more; go to another one, or make it again");
        }
    }

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine($"error: {PlainText.Brief(PlainText.Escape(message.ReplaceLineEndings(" ")), LongestError)}");
        return code;
    }
}
