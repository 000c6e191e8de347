using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>What every fit in one pass leaves in its run's folder, and says.</summary>
internal static class FitFiles
{
    /// <summary>What stands above the pictures.</summary>
    public static string TitleOf(FitFacts facts) =>
        $"{PlainText.Brief(facts.Data)}: {FitOptions.Local(facts.Options)}, {facts.Options.Kernel.Name} kernel, "
            + $"h = {string.Join(", ", facts.Bandwidths.Select((h, j) => NumberText.Format(h) + facts.KindOf(j).Unit()))}, "
            + $"n = {NumberText.Format(facts.Rows)}";

    /// <summary>Records how it was fitted, at the end of a configuration.</summary>
    public static void WriteOptions(Utf8JsonWriter json, KernelRegressionOptions options, double level)
    {
        json.WriteString("kernel", options.Kernel.Name);
        json.WriteNumber("degree", options.Degree);
        json.WriteString("bandwidth", FitOptions.NameOf(options.Bandwidth));
        json.WriteNumber("level", level);
        json.WriteString("version", ProgramVersion.Text);
    }

    /// <summary>What a search says of its end.</summary>
    /// <param name="search">The search.</param>
    /// <param name="features">The features (d).</param>
    /// <param name="target">The target.</param>
    /// <param name="degree">The degree.</param>
    /// <param name="narrower">The widths of cells for narrower bandwidths (d).</param>
    public static IEnumerable<string> SearchNotes(
        BandwidthSearch search, IReadOnlyList<string> features, string target, int degree, double[] narrower)
    {
        foreach ((int j, string feature) in features.Index())
        {
            string x = PlainText.Brief(feature);
            (double least, double most) = search.Bounds[j];
            string lookedAt = $"{x}: bandwidths from {Digits.Short(least)} to {Digits.Short(most)} were looked at";
            if (search.IsFlat)
            {
                (double narrow, double wide) = search.EquallyGood[j];
                yield return $"bandwidths do equally well here, as far as numbers can tell ({x} from {Digits.Short(narrow)} to "
                    + $"{Digits.Short(wide)}): the widest was taken, the smoothest fit";
            }
            else if (search.IsAtLeastBound(j))
            {
                yield return $"{lookedAt}, and the narrowest predicts best: narrower ones need narrower cells, --cell "
                    + $"{string.Join(',', narrower.Select(width => Digits.Short(width)))} say";
            }
            else if (search.IsAtMostBound(j))
            {
                yield return $"{lookedAt}, and the widest predicts best: {FitNotes.NoHelp(x, degree)} to predict {PlainText.Brief(target)}";
            }
        }
    }

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
