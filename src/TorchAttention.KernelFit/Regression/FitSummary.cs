using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit: for people as a table, for programs as JSON and CSV.</summary>
internal sealed class FitSummary(Examples examples, KernelRegression model, PictureOptions picture, double seconds, string modelPath)
{
    private readonly Lazy<FitFacts> _facts = new(() => new FitFacts
    {
        Data = examples.Name,
        Rows = examples.Count,
        DroppedRows = examples.DroppedRows,
        Features = examples.Features,
        Kinds = examples.Kinds,
        Target = examples.Target,
        Options = model.Options,
        DegreeTrials = model.DegreeTrials,
        Bandwidths = model.Bandwidths,
        Search = model.Search,
        SpansWithinOneStandardError = model.SpansWithinOneStandardError(),
        Notes = [.. FitNotes.List(examples, model)],
        Diagnostics = model.Diagnostics,
        Classes = model.Classes,
        Seconds = seconds,
        Model = modelPath,
    });

    /// <summary>What the fit found, measured when first asked for.</summary>
    public FitFacts Facts => _facts.Value;

    public void WriteConfig(Utf8JsonWriter json)
    {
        json.WriteString("command", "fit");
        json.WriteString("data", File.Exists(examples.Source) ? Path.GetFullPath(examples.Source) : examples.Source);
        json.WriteStrings("x", examples.Features);
        json.WriteString("y", examples.Target);
        json.WriteString("weights", examples.WeightsColumn);
        json.WriteBoolean("classes", examples.Labels is not null);
        json.WriteString("delimiter", examples.Csv.Delimiter.ToString());
        json.WriteBoolean("decimal_comma", examples.Csv.DecimalComma);
        json.WriteString("thousands", examples.Csv.Thousands?.ToString());
        json.WriteString("dates", Options.Name(examples.Csv.Dates));
        json.WriteString("missing", examples.Csv.Missing.ToString().ToLowerInvariant());
        json.WriteString("kernel", model.Options.Kernel.Name);
        json.WriteNumber("degree", model.Options.Degree);
        json.WriteNumber("ridge", model.Options.RidgeInUse);
        json.WriteBoolean("degree_auto", model.DegreeTrials.Count > 0);
        json.WriteString("bandwidth", FitOptions.NameOf(model.Options.Bandwidth));
        if (model.Options.SearchBounds is { } bounds)
        {
            json.WritePairs("search_bounds", bounds);
        }

        Facts.WritePeriods(json);
        json.WriteBoolean("leave_out_ties", model.Options.LeaveOutTies);
        json.WriteNumber("level", picture.Level);
        json.WriteBoolean("log_x", picture.IsLogX);
        json.WriteBoolean("log_y", picture.IsLogY);
        json.WriteString("by", picture.By);
        json.WriteString("no_neighbour", model.Options.NoNeighbour.ToString().ToLowerInvariant());
        json.WriteString("version", ProgramVersion.Text);
    }

    public void WriteFitted(TextWriter writer)
    {
        IReadOnlyList<double> fitted = model.Fitted;
        bool isRegression = examples.Labels is null;
        string[] values = isRegression ? [CsvText.Field(examples.Target), "fitted", "residual"]
            : [CsvText.Field(examples.Target), .. model.Classes.Select(name => CsvText.Field($"p_{name}"))];
        writer.WriteLine(string.Join(',', [.. examples.Features.Select(CsvText.Field), .. values]));
        int d = examples.Features.Count;
        for (int i = 0; i < examples.Count; i++)
        {
            for (int j = 0; j < d; j++)
            {
                writer.Write(examples.Kinds[j].Format(examples.X[(i * d) + j]));
                writer.Write(',');
            }

            writer.Write(isRegression ? Exact(examples.Y[i]) : CsvText.Field(examples.Labels![i]));
            for (int c = 0; c < model.Columns; c++)
            {
                writer.Write(',');
                writer.Write(Exact(fitted[(i * model.Columns) + c]));
            }

            writer.WriteLine(isRegression ? $",{Exact(examples.Y[i] - fitted[i])}" : "");
        }
    }
}
