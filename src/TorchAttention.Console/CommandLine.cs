using System.CommandLine.Help;
using TorchAttention.Cli.Commands;
using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Storage;
using TorchAttention.Runs;

namespace TorchAttention.Cli.Entry;

/// <summary>The commands, and the one place where errors become a line and an exit code.</summary>
internal static class CommandLine
{
    private const int LongestError = 1500;

    public static int Run(string[] args)
    {
        StandardStream output = StandardStream.Install();
        int code = Dispatch(args);
        return output.Failure is string failure && code == ExitCode.Done
            ? Fail(ExitCode.Failed, StandardStream.Lost(failure))
            : code;
    }

    private static int Dispatch(string[] args)
    {
        var root = new RootCommand("Attention pooling and kernel regression: the d2l.ai chapter on its own data or on yours.");
        foreach (Func<Command> create in Wanted(args))
        {
            root.Add(create());
        }

        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExitCodes((HelpAction)help.Action!);

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

        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            string? unknown = parsed.CommandResult.Command == root && parsed.UnmatchedTokens is [string first, ..] ? first : null;
            return unknown is null ? Fail(ExitCode.WrongInput, parsed.Errors[0].Message) : UnknownCommand(root, unknown);
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
        catch (LibTorchNotLoadedException e)
        {
            return Fail(ExitCode.Failed, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(ExitCode.Failed, e.Message);
        }
        catch (Exception e)
        {
            // Nothing above foresaw this one. Its type helps whoever reports it; a trace would help nobody else.
            return Fail(ExitCode.Failed, $"{e.GetType().Name}: {e.Message}");
        }
    }

    // Some commands look at libraries that others never load: only the one that is asked for is made, all where it is none of them.
    private static Func<Command>[] Wanted(string[] args)
    {
        Dictionary<string, Func<Command>> commands = new()
        {
            ["train"] = TrainCommand.Create,
            ["exercise"] = ExerciseCommand.Create,
            ["runs"] = RunsCommand.Create,
            ["report"] = ReportCommand.Create,
            ["fit"] = FitCommand.Create,
            ["predict"] = PredictCommand.Create,
            ["bandwidth"] = BandwidthCommand.Create,
            ["evaluate"] = EvaluateCommand.Create,
            ["datasets"] = DatasetsCommand.Create,
            ["info"] = InfoCommand.Create,
        };
        return args.Length > 0 && commands.TryGetValue(args[0], out Func<Command>? one) ? [one] : [.. commands.Values];
    }

    private static int UnknownCommand(RootCommand root, string unknown) =>
        Fail(ExitCode.WrongInput, $"unknown command '{PlainText.Brief(unknown)}'; the commands are {string.Join(", ", Names(root))}");

    private static IEnumerable<string> Names(RootCommand root) => root.Subcommands.Select(command => command.Name);

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
