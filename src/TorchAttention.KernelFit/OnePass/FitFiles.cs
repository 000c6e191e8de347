using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>What every fit in one pass leaves in its run's folder, and says.</summary>
internal static class FitFiles
{
    /// <summary>Writes the search, the pictures and the summary, and prints what was found.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <param name="facts">What was found.</param>
    /// <param name="said">What was asked for.</param>
    /// <param name="written">What is in the folder already beside the configuration.</param>
    /// <param name="pictures">The pictures.</param>
    public static void Write(
        RunDirectory directory,
        FitFacts facts,
        FitSettings said,
        List<string> written,
        IEnumerable<(string Name, Func<Figure> Draw)> pictures)
    {
        if (facts.HasSearch)
        {
            directory.WriteText(RunFiles.Search, facts.WriteSearch);
            written.Add(RunFiles.Search);
        }

        if (said.HasPlots)
        {
            directory.WritePictures(pictures);
            written.Add($"{RunFiles.Plots}/");
        }

        directory.WriteJson(RunFiles.Summary, facts.WriteTo);
        if (said.IsJson)
        {
            JsonText.Print(facts.WriteTo);
        }
        else if (!said.IsQuiet)
        {
            facts.Print(directory, written);
        }
    }
}
