using System.Globalization;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>Predictions as rows of a CSV file: the query, what is predicted, and a flag where no example is in reach.</summary>
internal sealed class PredictionText(TextWriter writer, KernelRegression model, ModelNotes names, PredictionOptions options)
{
    private const string NoNeighbour = "no_neighbour";

    private bool IsClasses => model.Classes.Count > 0;

    public void WriteHeader()
    {
        IEnumerable<string> predicted = IsClasses ? [.. model.Classes.Select(name => $"p_{name}"), "class"] : ["mean", "se", "lower", "upper"];
        IEnumerable<string> slopes = options.HasSlopes && !IsClasses ? names.Features.Select(name => $"slope_{name}") : [];
        writer.WriteLine(string.Join(',', names.Features.Concat(predicted).Concat(slopes).Append("neighbours").Append("flag").Select(CsvText.Field)));
    }

    public void WriteRows(double[] queries, Predictions at)
    {
        int d = model.Features;
        Span<char> buffer = stackalloc char[32];
        for (int i = 0; i < at.HasNeighbour.Length; i++)
        {
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
            writer.WriteLine(at.HasNeighbour[i] ? "" : NoNeighbour);
        }
    }

    private void Number(double value, Span<char> buffer)
    {
        value.TryFormat(buffer, out int length, "R", CultureInfo.InvariantCulture);
        buffer[length] = ',';
        writer.Write(buffer[..(length + 1)]);
    }
}
