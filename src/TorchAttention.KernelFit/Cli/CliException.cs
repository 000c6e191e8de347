namespace TorchAttention.Cli;

/// <summary>Ends the command with one line on standard error and an exit code.</summary>
internal sealed class CliException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    public static CliException WrongInput(string message, Exception? inner = null) => new(Cli.ExitCode.WrongInput, message, inner);

    public static CliException Failed(string message, Exception? inner = null) => new(Cli.ExitCode.Failed, message, inner);
}
