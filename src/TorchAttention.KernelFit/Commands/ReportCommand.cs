using TorchAttention.Cli.Page;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Commands;

/// <summary>Writes a run as one page.</summary>
internal static class ReportCommand
{
    /// <summary>What the page is called.</summary>
    public const string Usual = "report.html";

    public static Command Create()
    {
        var run = new Argument<string>("run") { Description = "The run's folder" };
        Option<string?> output = Options.Text("--out", "file", $"The page's file (default {Usual} in the run's folder)");
        const string purpose = "Write a run as one HTML page: configuration, results, curves, heatmaps; readable without a network";
        var command = new Command("report", purpose) { run, output };
        command.SetAction(parsed => Write(parsed.GetValue(run)!, parsed.GetValue(output)));
        return command;
    }

    /// <summary>The page of a run; that of a fit moves, where the model keeps the rows.</summary>
    public static string Render(RunFolder run)
    {
        string[] places = [Path.Combine(run.Path, RunFiles.Model), run.Result("model") ?? ""];
        LivePage? live = null;
        if (run.IsFit && places.FirstOrDefault(File.Exists) is string model && SafeTensorsFile.Read(model) is var file
            && FittedModel.IsKnown(file))
        {
            live = LivePage.Of(FittedModel.Load(model, file), ReportPage.DataName(run), run.Data);
        }

        return ReportPage.Render(run, live is null ? null : (PageParts.Style, live.Section(server: null)));
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

        string page = Render(run);
        WholeFile.WriteText(file, writer => writer.Write(page));
        Console.WriteLine(file);
        return ExitCode.Done;
    }
}
