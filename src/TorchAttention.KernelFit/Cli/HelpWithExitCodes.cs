using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace TorchAttention.Cli;

/// <summary>The help of a command, and below it what holds for all of them.</summary>
/// <param name="help">The help itself.</param>
/// <param name="program">What the program is called where it is installed.</param>
internal sealed class HelpWithExitCodes(HelpAction help, string program) : SynchronousCommandLineAction
{
    // Whoever asks for help is not to be told first that an argument is missing.
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        TextWriter output = parseResult.InvocationConfiguration.Output;
        using var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        int code = help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;
        output.Write(text.ToString().Replace($" {RootCommand.ExecutableName} ", $" {program} ", StringComparison.Ordinal));
        output.WriteLine("Exit codes:");
        output.WriteLine($"  {ExitCode.Done}    done");
        output.WriteLine(
            $"  {ExitCode.Failed}    the run failed: it diverged, or the disk or standard output is full; "
                + "what was done until then is saved");
        output.WriteLine($"  {ExitCode.WrongInput}    wrong arguments or data");
        output.WriteLine($"  {ExitCode.Interrupted}  interrupted; what was done until then is saved");
        return code;
    }
}
