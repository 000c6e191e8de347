using TorchAttention.Cli.Page;
using TorchAttention.Cli.Runs;

namespace TorchAttention.Cli.Commands;

/// <summary>Writes a run as one page.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("run") { Description = "The run's folder" };
        Option<string?> output = Options.Text("--out", "file", $"The page's file (default {RunFiles.Report} in the run's folder)");
        const string purpose = "Write a run as one HTML page: configuration, results, curves, heatmaps; readable without a network";
        var command = new Command("report", purpose) { run, output };
        command.SetAction(parsed => Write(parsed.GetValue(run)!, parsed.GetValue(output)));
        return command;
    }

    private static int Write(string folder, string? output)
    {
        RunFolder run = RunFolder.Read(folder);
        string file = output ?? Path.Combine(folder, RunFiles.Report);
        OutputPath.Check("--out", file);
        if (!file.EndsWith(".html", StringComparison.OrdinalIgnoreCase))
        {
            foreach (string own in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                OutputPath.Differs("--out", file, own, "a file of the run");
            }
        }

        string page = RunReport.Render(run);
        WholeFile.WriteText(file, writer => writer.Write(page));
        Console.WriteLine(file);
        return ExitCode.Done;
    }
}
