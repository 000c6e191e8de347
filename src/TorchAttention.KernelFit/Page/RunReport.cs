using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Page;

/// <summary>A run as one page; that of a fit moves, where the model keeps the rows.</summary>
internal static class RunReport
{
    /// <summary>The page's text.</summary>
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

    /// <summary>Writes the page of a run into its folder, once all else is there.</summary>
    public static void Write(RunDirectory directory) =>
        directory.WriteText(RunFiles.Report, writer => writer.Write(Render(RunFolder.Read(directory.Path))));
}
