using System.CommandLine;
using TorchAttention.Cli.Exercises;
using TorchAttention.Cli.Training;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli;

/// <summary>The commands, and the one place where errors become a line and an exit code.</summary>
internal static class CommandLine
{
    public static int Run(string[] args)
    {
        var root = new RootCommand("Attention pooling and kernel regression: the d2l.ai chapter on its own data or on yours.")
        {
            TrainCommand.Create(),
            ExerciseCommand.Create(),
            DatasetsCommand.Create(),
            InfoCommand.Create(),
        };
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        if (parsed.Errors.Count > 0)
        {
            string? unknown = parsed.CommandResult.Command == root && parsed.UnmatchedTokens is [string first, ..] ? first : null;
            return Fail(ExitCode.WrongInput, unknown is null
                ? parsed.Errors[0].Message
                : $"unknown command '{unknown}'; the commands are {string.Join(", ", root.Subcommands.Select(command => command.Name))}");
        }

        try
        {
            int code = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
            return args.Length == 0 ? ExitCode.WrongInput : code;
        }
        catch (CliException e)
        {
            return Fail(e.ExitCode, e.Message);
        }
        catch (TableException e)
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

    private static int Fail(int code, string message)
    {
        Console.Error.WriteLine($"error: {string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c))}");
        return code;
    }
}
