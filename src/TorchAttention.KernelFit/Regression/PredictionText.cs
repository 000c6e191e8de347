using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>
/// Predictions as rows of a CSV file: columns that are kept, the query, what is predicted, and a flag where that rests on little.
/// </summary>
internal sealed class PredictionText(
    TextWriter writer, KernelRegression model, ModelNotes names, PredictionOptions options, IReadOnlyList<string> keptColumns)
{
    private const string NoNeighbour = "no_neighbour";
    public const string Outside = "outside";
    private const string Gap = "gap";
    private const string Level = "level";

    private bool IsClasses => model.Classes.Count > 0;

    private IEnumerable<string> Predicted
    {
        get
        {
            IEnumerable<string> predicted = IsClasses ? [.. model.Classes.Select(name => $"p_{name}"), "class"]
                : ["mean", "se", "lower", "upper"];
            IEnumerable<string> slopes = options.HasSlopes && !IsClasses ? names.Features.Select(name => $"slope_{name}") : [];
            return predicted.Concat(slopes).Append("neighbours").Append("flag");
        }
    }

    public void WriteHeader() => WriteHeader(writer, keptColumns, names.Features, Predicted);

    /// <summary>The names of columns that are kept, of the query and of what is predicted.</summary>
    public static void WriteHeader(
        TextWriter writer, IReadOnlyList<string> keptColumns, IReadOnlyList<string> features, IEnumerable<string> predicted)
    {
        if (predicted.FirstOrDefault(keptColumns.Contains) is string taken)
        {
            throw CliException.WrongInput($"--keep: the predictions have a column '{taken}' of their own");
        }

        writer.WriteLine(string.Join(',', keptColumns.Concat(features).Concat(predicted).Select(CsvText.Field)));
    }

    /// <summary>The beginning of a row: what is kept, and the query.</summary>
    public static void WriteQuery(TextWriter writer, IReadOnlyList<List<string>> kept, int row, ReadOnlySpan<double> query)
    {
        foreach (List<string> column in kept)
        {
            writer.Write(CsvText.Field(column[row]));
            writer.Write(',');
        }

        foreach (double value in query)
        {
            Number(writer, value);
        }
    }

    public void WriteRows(double[] queries, Predictions at, IReadOnlyList<List<string>> kept)
    {
        int d = model.Features;
        for (int i = 0; i < at.HasNeighbour.Length; i++)
        {
            WriteQuery(writer, kept, i, queries.AsSpan(i * d, d));
            if (IsClasses)
            {
                ReadOnlySpan<double> probabilities = at.Mean.AsSpan(i * model.Columns, model.Columns);
                int best = 0;
                for (int c = 0; c < probabilities.Length; c++)
                {
                    Number(writer, probabilities[c]);
                    best = probabilities[c] > probabilities[best] ? c : best;
                }

                writer.Write(double.IsNaN(probabilities[best]) ? "" : CsvText.Field(model.Classes[best]));
                writer.Write(',');
            }
            else
            {
                Number(writer, at.Mean[i]);
                Number(writer, at.StandardError[i]);
                Number(writer, at.Lower[i]);
                Number(writer, at.Upper[i]);
                for (int j = 0; options.HasSlopes && j < d; j++)
                {
                    Number(writer, at.Slopes[(i * d) + j]);
                }
            }

            Number(writer, at.EffectiveNeighbours[i]);
            writer.WriteLine(
                !at.HasNeighbour[i] ? NoNeighbour : at.IsOutside[i] ? Outside : at.IsInGap[i] ? Gap : at.IsLevel[i] ? Level : "");
        }
    }

    private static void Number(TextWriter writer, double value)
    {
        Span<char> buffer = stackalloc char[32];
        value.TryFormat(buffer, out int length, "R", CultureInfo.InvariantCulture);
        buffer[length] = ',';
        writer.Write(buffer[..(length + 1)]);
    }
}
