using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Commands;

/// <summary>Deals rows to files by boxes, which predict asks without having all rows in memory.</summary>
internal static class ShardCommand
{
    private const int Usual = 12;

    public static Command Create()
    {
        var file = new CsvFileOptions();
        Option<string?> data = Options.Text(
            Options.Data,
            "file",
            $"The rows: a file of CSV, {ExamplesOptions.Endings}, a pattern such as 'part-*.csv', or - for CSV on standard input");
        Option<string?> x = Options.Text("--x", "columns", "The keys' columns, separated by commas");
        Option<string?> y = Options.Text("--y", "columns", "The values' columns, separated by commas");
        Option<string?> weights = ExamplesOptions.WeightsOption();
        Option<int?> shards = Options.WholeNumber(
            "--shards", $"How many files there are to be, of about as many rows each (default {Usual})", least: 1);
        Option<string?> output = Options.Text(
            "--out", "folder", $"The folder of the files and of {ShardManifest.FileName}; there is none yet");
        Option<bool> quiet = Options.Quiet();
        const string purpose = "Deal rows to files by boxes: predict --shards asks those near a query, on one machine or many";
        var command = new Command("shard", purpose) { Options.DataAlone(), data, x, y, weights };
        file.AddTo(command);
        command.AddAll(shards, output, quiet);
        command.SetAction(parsed => Run(
            new RowFiles(
                parsed.GetValue(data) ?? throw CliException.WrongInput("--data: expected a file, got none"),
                parsed.GetValue(x),
                parsed.GetValue(y),
                parsed.GetValue(weights),
                file.Read(parsed),
                areSummed: false),
            parsed.GetValue(shards) ?? Usual,
            parsed.GetValue(output) ?? throw CliException.WrongInput("--out: expected a folder, got none"),
            parsed.GetValue(quiet)));
        return command;
    }

    private static int Run(RowFiles files, int shards, string output, bool isQuiet)
    {
        if (shards > ShardWriter.MostShards)
        {
            throw CliException.WrongInput($"--shards: expected at most {ShardWriter.MostShards}, got {shards}");
        }

        Check(output);
        using var interruption = new Interruption();
        try
        {
            ShardManifest manifest = ProgressBar.Show(
                "shards", isQuiet, progress => Deal(files, shards, output, progress, interruption.Token));
            if (!isQuiet)
            {
                string dropped = files.LeftOut.Missing > 0 ? $" ({files.LeftOut.Missing} with missing numbers left out)" : "";
                Console.WriteLine($"{Path.Combine(output, ShardManifest.FileName)}: {manifest.Rows} rows{dropped} in "
                    + $"{manifest.Shards.Length} shards, {manifest.Bytes / 1e6:F1} MB");
            }

            return ExitCode.Done;
        }
        catch (RegressionDataException e)
        {
            throw files.Unusable(e);
        }
    }

    private static void Check(string output)
    {
        string? problem = output.Length == 0 ? "it has no name"
            : output == Examples.Standard ? "shards are files"
            : File.Exists(output) ? "it is a file"
            : Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any() ? "it has files already"
            : !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(output))) ? "the folder that it is to be in does not exist"
            : null;
        if (problem is not null)
        {
            throw CliException.WrongInput($"--out: expected a folder that is not there yet, got '{PlainText.Brief(output)}' ({problem})");
        }
    }

    private static ShardManifest Deal(
        RowFiles files, int shards, string output, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        const double reading = 0.7;
        long bytes = Math.Max(1, files.Bytes);
        long before = 0;
        SomeRows? some = files.CanReadAgain ? files.Look() : null;
        ShardWriter? writer = some is { X.Length: > 0 } ? Begin(some) : null;
        try
        {
            List<double>[]? first = null;
            foreach (string path in files.Paths)
            {
                foreach (RowBatch batch in files.Read(path))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Report(before + batch.BytesRead);
                    if (writer is not null)
                    {
                        writer.Add(batch.Keys, batch.Values, batch.Weights);
                        continue;
                    }

                    // A pipe has no first look: its first rows have to do.
                    first ??= [.. batch.Columns.Select(_ => new List<double>())];
                    batch.AddTo(first);
                    if (first[0].Count >= RowFiles.PilotRows)
                    {
                        writer = BeginWith(first);
                    }
                }

                before += File.Exists(path) ? new FileInfo(path).Length : 0;
            }

            writer ??= first?[0].Count > 0 ? BeginWith(first)
                : throw new TableException(TableProblem.Empty, files.Source) { Expected = "data below the header row", Found = "none" };
            var part = progress is null ? null : new PartOfProgress(progress, 7, 10);
            return writer.Finish(files.Columns.ToShardNotes(files.Features), part, cancellationToken);
        }
        finally
        {
            writer?.Dispose();
        }

        void Report(long read) => progress?.Report(reading * Math.Min(1, read / (double)bytes));

        ShardWriter Begin(SomeRows rows) => new(
            output, ShardCuts.Choose(rows.X, files.Features, shards), files.Targets, files.Weights is not null);

        ShardWriter BeginWith(List<double>[] rows)
        {
            SomeRows some = files.Some(rows, rows[0].Count);
            ShardWriter begun = Begin(some);
            begun.Add(some.X, some.Y, some.Weights);
            return begun;
        }
    }
}
