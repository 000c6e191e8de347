using System.CommandLine;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Commands;

/// <summary>Writes a run as one page.</summary>
internal static class ReportCommand
{
    private const string Usual = "report.html";

    public static Command Create()
    {
        var run = new Argument<string>("run") { Description = "The run's folder" };
        var output = new Option<string?>("--out") { Description = $"The page's file (default {Usual} in the run's folder)", HelpName = "file" };
        var command = new Command("report", "Write a run as one HTML page: configuration, results, curves, heatmaps; readable without a network") { run, output };
        command.SetAction(parsed => Write(parsed.GetValue(run)!, parsed.GetValue(output)));
        return command;
    }

    private static int Write(string folder, string? output)
    {
        RunFolder run = RunFolder.Read(folder);
        string file = output ?? Path.Combine(folder, Usual);
        OutputPath.Check("--out", file);
        if (!file.EndsWith(".html", StringComparison.OrdinalIgnoreCase))
        {
            foreach (string own in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                OutputPath.Differs("--out", file, own, "a file of the run");
            }
        }

        string page = ReportPage.Of(run);
        WholeFile.WriteText(file, writer => writer.Write(page));
        Console.WriteLine(file);
        return ExitCode.Done;
    }
}
