using System.Globalization;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>Predictions as rows of a CSV file: columns that are kept, the query, what is predicted, and a flag where no example is in reach or the query is outside of all.</summary>
internal sealed class PredictionText(TextWriter writer, KernelRegression model, ModelNotes names, PredictionOptions options, IReadOnlyList<string> keptColumns)
{
    private const string NoNeighbour = "no_neighbour";
    private const string Outside = "outside";

    private bool IsClasses => model.Classes.Count > 0;

    private IEnumerable<string> Predicted
    {
        get
        {
            IEnumerable<string> predicted = IsClasses ? [.. model.Classes.Select(name => $"p_{name}"), "class"] : ["mean", "se", "lower", "upper"];
            IEnumerable<string> slopes = options.HasSlopes && !IsClasses ? names.Features.Select(name => $"slope_{name}") : [];
            return predicted.Concat(slopes).Append("neighbours").Append("flag");
        }
    }

    public void WriteHeader()
    {
        if (Predicted.FirstOrDefault(keptColumns.Contains) is string taken)
        {
            throw CliException.WrongInput($"--keep: the predictions have a column '{taken}' of their own");
        }

        writer.WriteLine(string.Join(',', keptColumns.Concat(names.Features).Concat(Predicted).Select(CsvText.Field)));
    }

    public void WriteRows(double[] queries, Predictions at, IReadOnlyList<List<string>> kept)
    {
        int d = model.Features;
        Span<char> buffer = stackalloc char[32];
        for (int i = 0; i < at.HasNeighbour.Length; i++)
        {
            foreach (List<string> column in kept)
            {
                writer.Write(CsvText.Field(column[i]));
                writer.Write(',');
            }

            for (int j = 0; j < d; j++)
            {
                Number(queries[(i * d) + j], buffer);
            }

            if (IsClasses)
            {
                ReadOnlySpan<double> probabilities = at.Mean.AsSpan(i * model.Columns, model.Columns);
                int best = 0;
                for (int c = 0; c < probabilities.Length; c++)
                {
                    Number(probabilities[c], buffer);
                    best = probabilities[c] > probabilities[best] ? c : best;
                }

                writer.Write(double.IsNaN(probabilities[best]) ? "" : CsvText.Field(model.Classes[best]));
                writer.Write(',');
            }
            else
            {
                Number(at.Mean[i], buffer);
                Number(at.StandardError[i], buffer);
                Number(at.Lower[i], buffer);
                Number(at.Upper[i], buffer);
                for (int j = 0; options.HasSlopes && j < d; j++)
                {
                    Number(at.Slopes[(i * d) + j], buffer);
                }
            }

            Number(at.EffectiveNeighbours[i], buffer);
            writer.WriteLine(!at.HasNeighbour[i] ? NoNeighbour : at.IsOutside[i] ? Outside : "");
        }
    }

    private void Number(double value, Span<char> buffer)
    {
        value.TryFormat(buffer, out int length, "R", CultureInfo.InvariantCulture);
        buffer[length] = ',';
        writer.Write(buffer[..(length + 1)]);
    }
}
