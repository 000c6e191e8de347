using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Cli.Regression;

/// <summary>How a fit was asked for, for a file.</summary>
/// <param name="examples">What it was fitted to.</param>
/// <param name="options">How.</param>
/// <param name="isAuto">Whether the degree was to be found.</param>
/// <param name="picture">What the pictures show.</param>
/// <param name="by">Whose bandwidths groups have; null where there are none.</param>
internal sealed class FitConfig(
    Examples examples, KernelRegressionOptions options, bool isAuto, PictureOptions picture, GroupBandwidths? by = null)
{
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("command", "fit");
        json.WriteString("data", File.Exists(examples.Source) ? Path.GetFullPath(examples.Source) : examples.Source);
        json.WriteStrings("x", examples.Features);
        json.WriteString("y", examples.Target);
        json.WriteString("weights", examples.WeightsColumn);
        if (examples.WeightsColumn is not null)
        {
            json.WriteString("weights_are", Options.Name(examples.WeightsAre));
        }

        json.WriteBoolean("classes", examples.Labels is not null);
        json.WriteString("delimiter", examples.Csv.Delimiter.ToString());
        json.WriteBoolean("decimal_comma", examples.Csv.DecimalComma);
        json.WriteString("thousands", examples.Csv.Thousands?.ToString());
        json.WriteString("dates", Options.Name(examples.Csv.Dates));
        json.WriteString("missing", examples.Unanswered.Count > 0 ? "predict" : examples.MissingIsLevel ? "level"
            : Options.Name(examples.Csv.Missing));
        json.WriteString("kernel", options.Kernel.Name);
        if (options.Degrees.Count == 0)
        {
            json.WriteNumber("degree", options.Degree);
            json.WriteNumber("ridge", options.RidgeInUse);
        }

        json.WriteBoolean("degree_auto", isAuto);
        json.WriteString("bandwidth", FitOptions.NameOf(options.Bandwidth));
        if (options.SearchBounds is { } bounds)
        {
            json.WritePairs("search_bounds", bounds);
        }

        if (options.RobustIterations > 0)
        {
            json.WriteNumber("robust", options.RobustIterations);
        }

        FitFacts.WritePeriods(json, examples.Features, options);
        json.WriteBoolean("leave_out_ties", options.LeaveOutTies);
        json.WriteNumber("level", picture.Level);
        json.WriteBoolean("log_x", picture.IsLogX);
        json.WriteBoolean("log_y", picture.IsLogY);
        json.WriteString("by", picture.By);
        json.WriteString("by_bandwidth", by is GroupBandwidths bandwidths ? Options.Name(bandwidths) : null);
        json.WriteString("no_neighbour", options.NoNeighbour.ToString().ToLowerInvariant());
        json.WriteString("version", ProgramVersion.Text);
    }
}
