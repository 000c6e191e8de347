using System.Globalization;
using Spectre.Console;
using TorchAttention.Cli.Training;
using TorchAttention.Data;
using TorchAttention.Plotting;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Exercises;

/// <summary>What an exercise computes with and reports to.</summary>
internal sealed class ExerciseRun(RunDirectory directory, torch.Device device, ulong seed, bool plots, CancellationToken cancellationToken)
{
    public ulong Seed => seed;

    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>The chapter's data.</summary>
    public NonlinearData Draw(int n, ulong seedOffset = 0) => new(n, DataSource.DefaultBatchSize, DataSource.DefaultNoiseStd, seed + seedOffset, device);

    /// <summary>Trains for the chapter's number of epochs, or another.</summary>
    public void Fit(TorchAttention.Training.Module model, RegressionData data, int epochs = 5) =>
        new Trainer(new TrainerOptions { MaxEpochs = epochs }).Fit(model, data, cancellationToken);

    /// <summary>Prints a table and writes it as <c>table.csv</c>.</summary>
    public void Report(string[] columns, IReadOnlyList<double[]> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)).RightAligned());
        }

        foreach (double[] row in rows)
        {
            table.AddRow(Array.ConvertAll(row, value => value.ToString("G5", CultureInfo.InvariantCulture)));
        }

        AnsiConsole.Write(table);
        directory.WriteText("table.csv", writer =>
        {
            writer.WriteLine(string.Join(',', columns));
            foreach (double[] row in rows)
            {
                writer.WriteLine(string.Join(',', row.Select(value => value.ToString("R", CultureInfo.InvariantCulture))));
            }
        });
    }

    /// <summary>Writes a picture as PNG and SVG, unless none are wanted.</summary>
    public void Save(string name, Func<Figure> draw)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (plots)
        {
            Figure figure = draw();
            figure.Save(directory.Picture($"{name}.png"));
            figure.Save(directory.Picture($"{name}.svg"));
        }
    }
}
