using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Cli.Training;
using TorchAttention.Data;
using TorchAttention.Plotting;
using TorchAttention.Runs;
using TorchAttention.Training;
using TorchSharp;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Exercises;

/// <summary>What an exercise computes with and reports to.</summary>
internal sealed class ExerciseRun(
    RunDirectory directory, torch.Device device, ulong seed, bool plots, CancellationToken cancellationToken) : IDisposable
{
    private readonly List<double[]> _rows = [];
    private string[] _columns = [];
    private GrowingFile? _table;

    public ulong Seed => seed;

    /// <summary>The rows added so far.</summary>
    public IReadOnlyList<double[]> Rows => _rows;

    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>The chapter's data.</summary>
    public NonlinearData Draw(int n, ulong seedOffset = 0) =>
        new(n, DataSource.DefaultBatchSize, DataSource.DefaultNoiseStd, seed + seedOffset, device);

    /// <summary>Trains for the chapter's number of epochs, or another.</summary>
    public void Fit(TorchAttention.Training.Module model, RegressionData data, int epochs = 5) =>
        new Trainer(new TrainerOptions { MaxEpochs = epochs }).Fit(model, data, cancellationToken);

    /// <summary>Names the columns of the table.</summary>
    public void Begin(params string[] columns) => _columns = columns;

    /// <summary>Adds a row to the table, and to its file <c>table.csv</c>.</summary>
    public void Add(params double[] row)
    {
        _rows.Add(row);
        directory.Write(() =>
        {
            _table ??= new GrowingFile(Path.Combine(directory.Path, RunFiles.Table), string.Join(',', _columns), _ => false);
            _table.Add(string.Join(',', row.Select(Exact)));
            _table.Flush();
        });
    }

    /// <summary>Prints the table.</summary>
    public void Report()
    {
        Spectre.Console.Table table = Terminal.Table([], _columns);
        foreach (double[] row in _rows)
        {
            table.AddRow(Array.ConvertAll(row, Short));
        }

        Terminal.Output.Write(table);
    }

    /// <summary>Writes a picture as PNG and SVG, unless none are wanted.</summary>
    public void Save(string name, Func<Figure> draw)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (plots)
        {
            directory.WritePicture(name, draw());
        }
    }

    public void Dispose() => _table?.Dispose();
}
