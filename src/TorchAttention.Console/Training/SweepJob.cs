using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Training;

/// <summary>Trainings with other options, each in a folder of its own, laid side by side by their validation losses.</summary>
internal sealed class SweepJob
{
    private const string TableFile = "sweep.csv";
    private const string Curves = "validation-losses";
    private const int MostRows = 30;
    private const int MostCurves = 10;

    private static readonly string[] _numbers = ["val_loss", "val_rmse", "best_val_loss", "best_epoch", "epochs", "steps", "train_seconds"];

    private readonly TrainOptions _options;
    private readonly IReadOnlyList<SweptOption> _swept;
    private readonly IReadOnlyList<SweepRun> _runs;
    private readonly List<Result> _results = [];

    private SweepJob(TrainOptions options)
    {
        _options = options;
        _swept = Sweep.OptionsOf(options);
        _runs = Sweep.Runs(options, _swept);
    }

    public static int Run(TrainOptions options)
    {
        if (options.Seeds is not null)
        {
            throw CliException.WrongInput(
                $"--seeds applies without {TrainOptions.SweepName} only; {TrainOptions.SweepName} seed=0,1,2 trains with several seeds");
        }

        var job = new SweepJob(options);
        string folder = job.Begin();
        foreach (SweepRun run in job._runs)
        {
            job.Train(run, folder);
        }

        return job.Finish(folder);
    }

    private string Begin()
    {
        if (_options.Resume is string begun)
        {
            return begun;
        }

        DataSource source = DataSource.Open(_runs[0].Options);
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.Create(_options.Out, source.Name, plots: !_options.NoPlots, interruption);
        directory.WriteJson(RunFiles.Config, json => RunConfig.WriteSweep(json, _options, source, _swept, _runs));
        return directory.Path;
    }

    private void Train(SweepRun run, string folder)
    {
        string own = Path.Combine(folder, run.Name);
        bool isBegun = File.Exists(Path.Combine(own, RunFiles.Config));
        string problem = "";
        try
        {
            TrainJob.Run(run.Options with { Out = own, Resume = isBegun ? own : null });
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Interrupted)
        {
            throw new CliException(
                e.ExitCode, $"interrupted in {run.Name}; train {TrainOptions.ResumeName} {folder} goes on with the sweep", e);
        }
        catch (CliException e)
        {
            // Another learning rate may do where this one diverges.
            problem = e.Message;
        }

        var result = new Result(run, problem.Length == 0 ? RunFolder.Read(own) : null, problem);
        _results.Add(result);
        if (!_options.IsSilent)
        {
            string outcome = result.Folder is RunFolder done
                ? $"validation loss {Short(done.ValLoss)} after {done.Result("epochs")} epochs" : $"failed: {problem}";
            Console.WriteLine($"{_results.Count}/{_runs.Count}  {PlainText.Brief(run.What, 200)}: {outcome}");
        }
    }

    private int Finish(string folder)
    {
        Result[] sorted = [.. _results.OrderBy(result => result.Folder?.ValLoss ?? double.PositiveInfinity)];
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.GoOn(folder, interruption);
        directory.WriteText(TableFile, writer => WriteTable(writer, sorted));
        directory.WriteJson(RunFiles.Summary, json => WriteSummary(json, sorted));
        RunFolder[] drawn = [.. sorted.Select(result => result.Folder).OfType<RunFolder>().Take(MostCurves)];
        bool isDrawn = !_options.NoPlots && RunCharts.Compare(drawn) is not null;
        if (isDrawn)
        {
            directory.WritePictures([(Curves, () => RunCharts.Compare(drawn)!)]);
        }

        if (_options.Json)
        {
            JsonText.Print(json => WriteSummary(json, sorted));
        }
        else if (!_options.Quiet)
        {
            Print(sorted, directory, isDrawn, drawn.Length);
        }

        return sorted[0].Folder is null
            ? throw CliException.Failed($"none of the {sorted.Length} trainings came to its end; the first: {_results[0].Problem}")
            : ExitCode.Done;
    }

    private void Print(Result[] sorted, RunDirectory directory, bool isDrawn, int drawn)
    {
        Spectre.Console.Table table = Terminal.Table(
            ["folder", .. _swept.Select(option => option.Key)], ["validation loss", "validation RMSE", "best epoch"]);
        foreach (Result result in sorted.Take(MostRows))
        {
            string[] numbers = result.Folder is RunFolder run
                ? [Short(run.ValLoss), Short(run.Error), run.Result("best_epoch") ?? ""] : ["failed", "", ""];
            IEnumerable<string> values = result.Run.Values.Select(value => Terminal.Cell(PlainText.Brief(value)));
            table.AddRow([result.Run.Name.Split('-')[0], .. values, .. numbers]);
        }

        Terminal.Output.Write(table);
        if (sorted.Length > MostRows)
        {
            Console.WriteLine($"and {sorted.Length - MostRows} more in {TableFile}");
        }

        string curves = !isDrawn ? "" : $", {RunFiles.Plots}/{Curves}.png{(drawn < sorted.Length ? $" of the best {drawn}" : "")}";
        Console.WriteLine($"files: {directory.Path} ({TableFile}, {RunFiles.Summary}, a folder for each training{curves})");
    }

    private void WriteTable(TextWriter writer, Result[] sorted)
    {
        writer.WriteLine(string.Join(',', ["folder", .. _swept.Select(option => option.Key), .. _numbers, "problem"]));
        foreach (Result result in sorted)
        {
            IEnumerable<string> numbers = _numbers.Select(name => Number(result, name) is double number ? Exact(number) : "");
            writer.WriteLine(string.Join(
                ',', ((string[])[result.Run.Name, .. result.Run.Values, .. numbers, result.Problem]).Select(CsvText.Field)));
        }
    }

    private void WriteSummary(Utf8JsonWriter json, Result[] sorted)
    {
        json.WriteString("data", _options.Data);
        if (sorted[0].Folder is not null)
        {
            json.WriteString("best", sorted[0].Run.Name);
            json.WriteObject("estimators", () => json.WriteObject(sorted[0].Run.Options.Model.EstimatorName, () =>
            {
                json.WriteNumberOrNull("val_loss", Number(sorted[0], "val_loss"));
                json.WriteNumberOrNull("val_rmse", Number(sorted[0], "val_rmse"));
            }));
        }

        json.WriteArray("runs", sorted, result =>
        {
            json.WriteStartObject();
            json.WriteString("folder", result.Run.Name);
            json.WriteObject("options", () =>
            {
                foreach ((SweptOption option, string value) in _swept.Zip(result.Run.Values))
                {
                    json.WriteString(option.Key, value);
                }
            });
            foreach (string name in _numbers)
            {
                json.WriteNumberOrNull(name, Number(result, name));
            }

            if (result.Problem.Length > 0)
            {
                json.WriteString("problem", result.Problem);
            }

            json.WriteEndObject();
        });
    }

    private static double? Number(Result result, string name) => result.Folder is not RunFolder run ? null
        : name == "val_loss" ? run.ValLoss
        : name == "val_rmse" ? run.Error
        : double.TryParse(run.Result(name), CultureInfo.InvariantCulture, out double number) ? number : null;

    /// <summary>How a training ended: what it left, or why it left nothing.</summary>
    private sealed record Result(SweepRun Run, RunFolder? Folder, string Problem);
}
