using System.CommandLine;
using TorchAttention.Numerics.Engine;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Regression;

/// <summary>Predicts the rows of a file with a saved model, a chunk at a time.</summary>
internal static class PredictCommand
{
    private const int ChunkRows = 1 << 15;

    public static Command Create()
    {
        var file = new CsvFileOptions();
        var model = new Option<string>("--model") { Description = "The model, as fit saves it", HelpName = "file", Required = true };
        var data = new Option<string?>("--data") { Description = "The queries: a CSV file with the model's features in its header, or - for standard input (default -)", HelpName = "file" };
        var output = new Option<string?>("--out") { Description = "Where the predictions go: a CSV file, or - for standard output (default -)", HelpName = "file" };
        Option<double?> level = Options.Fraction("--level", "The level of the bands (default 0.95)");
        var keep = new Option<string?>("--keep") { Description = "Columns of the queries' file to carry along, separated by commas, or all", HelpName = "columns|all" };
        var simultaneous = new Option<bool>("--simultaneous") { Description = "Bands that cover the whole curve at once (one feature)" };
        var slopes = new Option<bool>("--slopes") { Description = "The derivative by each feature as well" };
        var command = new Command("predict", "Predict with a saved model: mean, standard error, band, neighbours for each row of a file") { model, data, output };
        file.AddTo(command);
        foreach (Option option in (Option[])[keep, level, simultaneous, slopes])
        {
            command.Add(option);
        }

        command.SetAction(parsed => Run(
            parsed.GetValue(model)!,
            parsed.GetValue(data) ?? Examples.Standard,
            parsed.GetValue(output) ?? Examples.Standard,
            file.Read(parsed),
            parsed.GetValue(keep),
            new PredictionOptions
            {
                Level = parsed.GetValue(level) ?? new PredictionOptions().Level,
                IsSimultaneous = parsed.GetValue(simultaneous),
                HasSlopes = parsed.GetValue(slopes),
            }));
        return command;
    }

    private static int Run(string modelPath, string data, string output, CsvOptions csv, string? keep, PredictionOptions options)
    {
        if (modelPath.Length == 0)
        {
            throw CliException.WrongInput("--model: expected a file, got ''");
        }

        if (output != Examples.Standard)
        {
            OutputPath.Check("--out", output);
            OutputPath.Differs("--out", output, modelPath, "the model");
            OutputPath.Differs("--out", output, data, "the file of the queries");
        }

        (KernelRegression model, IReadOnlyDictionary<string, string> notes) = Load(modelPath);
        ModelNotes names = ModelNotes.Read(modelPath, notes, model.Features);
        if (options.IsSimultaneous && model.Features != 1)
        {
            throw CliException.WrongInput($"--simultaneous: expected a model of one feature, got {model.Features}");
        }

        using var interruption = new Interruption();
        using CsvRows rows = Examples.Open(data, csv);
        rows.Choose(names.Features);
        string[] keptColumns = Kept(keep, rows.Header, names.Features);
        rows.Keep(keptColumns);
        if (output == Examples.Standard)
        {
            DataStream.WriteOutput(Write);
        }
        else
        {
            WholeFile.WriteText(output, Write);
        }

        if (rows.DroppedRows > 0)
        {
            Console.Error.WriteLine($"note: {rows.DroppedRows} {(rows.DroppedRows == 1 ? "row" : "rows")} with missing numbers left out");
        }

        return ExitCode.Done;

        void Write(TextWriter writer)
        {
            var text = new PredictionText(writer, model, names, options, keptColumns);
            text.WriteHeader();
            writer.Flush();
            List<double>[] columns = [.. names.Features.Select(_ => new List<double>())];
            List<string>[] kept = [.. keptColumns.Select(_ => new List<string>())];
            while (ReadChunk(rows, columns, kept) > 0)
            {
                interruption.Token.ThrowIfCancellationRequested();
                double[] queries = new double[columns[0].Count * columns.Length];
                for (int i = 0; i < queries.Length; i++)
                {
                    queries[i] = columns[i % columns.Length][i / columns.Length];
                }

                text.WriteRows(queries, Predict(model, queries, options, data, interruption.Token), kept);
                writer.Flush();
            }
        }
    }

    private static (KernelRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path)
    {
        try
        {
            return KernelRegression.Load(path);
        }
        catch (StorageException e) when (e.Kind == StorageProblem.OtherModel)
        {
            throw CliException.WrongInput($"{e.Message}: predict reads what fit saves; in C# ModelFile.Load reads what train saves", e);
        }
    }

    private static string[] Kept(string? keep, IReadOnlyList<string> header, IReadOnlyList<string> features)
    {
        string[] columns = keep is null ? [] : keep == "all" ? [.. header.Except(features)] : [.. keep.Split(',').Select(name => name.Trim())];
        return columns.FirstOrDefault(name => features.Contains(name) || columns.Count(other => other == name) > 1 || name.Length == 0) is not string wrong ? columns
            : throw CliException.WrongInput($"--keep: expected other columns than the features {string.Join(", ", features)}, each once, got '{wrong}'");
    }

    private static int ReadChunk(CsvRows rows, List<double>[] columns, List<string>[] kept)
    {
        Array.ForEach(columns, column => column.Clear());
        Array.ForEach(kept, column => column.Clear());
        try
        {
            return rows.Read(columns, ChunkRows, null, kept);
        }
        catch (TableException e) when (e.Kind == TableProblem.Missing)
        {
            throw CliException.WrongInput($"{e.Message}; {Examples.MissingAdvice}", e);
        }
    }

    private static Predictions Predict(KernelRegression model, double[] queries, PredictionOptions options, string data, CancellationToken cancellationToken)
    {
        try
        {
            return model.Predict(queries, options, null, cancellationToken);
        }
        catch (NoNeighbourException e)
        {
            throw new TableException(TableProblem.Unusable, data, e)
            {
                Expected = "rows with an example within reach of the kernel, since the model was fitted with --no-neighbour error",
                Found = $"{e.Queries.Count} without one",
            };
        }
    }
}
