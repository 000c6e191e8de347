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
    /// <param name="clusters">Clusters that predict, fit and bandwidth may ask; null for none.</param>
    public static Dictionary<string, Func<Command>> OfFits(
        ITrainedModels? trained = null, string? drawn = null, IShardClusters? clusters = null) => new()
        {
            ["fit"] = () => FitCommand.Create(clusters),
            ["predict"] = () => PredictCommand.Create(trained, clusters),
            ["bandwidth"] = () => BandwidthCommand.Create(clusters),
            ["evaluate"] = EvaluateCommand.Create,
            ["moments"] = MomentsCommand.Create,
            ["shard"] = ShardCommand.Create,
            ["condense"] = CondenseCommand.Create,
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
        try
        {
            ParseResult parsed = Understand(root, args.Length == 0 ? ["--help"] : args);
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

    /// <exception cref="CliException">The arguments are none of the program's.</exception>
    private ParseResult Understand(RootCommand root, string[] args)
    {
        if (args[0] is ['[', ..])
        {
            throw UnknownCommand(root, args[0]);
        }

        if (EmptyValue(root, args) is string option)
        {
            throw CliException.WrongInput($"{option}: expected a value, got ''");
        }

        ParseResult parsed = Parse(root, args);
        Command command = parsed.CommandResult.Command;
        Token? argument = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(result => result.Tokens).FirstOrDefault();

        // What looks like an option is one, unless -- says that there are none after it.
        bool isOption(string? token) => token is ['-', _, ..] && !args.Contains("--");
        if (isOption(argument?.Value))
        {
            throw UnknownOption(command, argument!.Value);
        }

        if (parsed.Errors.Count > 0)
        {
            throw parsed.UnmatchedTokens is not [string unknown, ..] ? CliException.WrongInput(parsed.Errors[0].Message)
                : command == root ? UnknownCommand(root, unknown)
                : isOption(unknown) ? UnknownOption(command, unknown)
                : CliException.WrongInput($"{command.Name}: expected no '{PlainText.Brief(unknown)}'; see {command.Name} --help");
        }

        return argument is not null && command.Options.FirstOrDefault(it => it.Name == Options.Data) is Option data
            ? WithData(root, parsed, argument, data)
            : parsed;
    }

    // The same with the option's name before the argument.
    private static ParseResult WithData(RootCommand root, ParseResult parsed, Token argument, Option data)
    {
        if (parsed.GetResult(data) is { Implicit: false })
        {
            throw CliException.WrongInput($"{data.Name}: expected the data once, got '{PlainText.Brief(argument.Value)}' as well");
        }

        IEnumerable<Token> tokens = parsed.Tokens.Where(token => token.Type != TokenType.DoubleDash);
        return Parse(root, [.. tokens.SelectMany(token => token == argument ? (string[])[data.Name, token.Value] : [token.Value])]);
    }

    private static ParseResult Parse(RootCommand root, string[] args) =>
        root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    // Some commands look at libraries that others never load: only the one that is asked for is made, all where it is none of them.
    private IEnumerable<Func<Command>> Wanted(string[] args) =>
        args.Length > 0 && commands.TryGetValue(args[0], out Func<Command>? one) ? [one] : commands.Values;

    private CliException UnknownCommand(RootCommand root, string unknown) => CliException.WrongInput(
        $"unknown command '{PlainText.Brief(unknown)}'{PlainText.DidYouMean(unknown, commands.Keys)}; the commands are "
            + string.Join(", ", root.Subcommands.Select(command => command.Name)));

    private static CliException UnknownOption(Command command, string unknown)
    {
        string name = unknown.Split('=', ':')[0];
        IEnumerable<string> names = command.Options.Select(option => option.Name);
        return CliException.WrongInput(
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
