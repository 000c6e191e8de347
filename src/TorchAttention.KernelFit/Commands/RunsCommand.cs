using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>Lists runs, and lays some of them side by side.</summary>
internal static class RunsCommand
{
    private const string Folder = "runs";

    // A pipe has no width of its own.
    private const int PipedWidth = 400;
    private const int ChartWidth = 100;
    private const int ChartHeight = 12;
    private const int MostOfACell = 400;
    private const int MostCompared = 20;

    private static readonly string[] _colors = ["blue", "green", "red", "yellow", "fuchsia", "aqua"];

    private static readonly string[] _columns = ["run", "data", "model", "begun (UTC)", "epochs", "seed", "error", "bandwidth", "status"];

    private enum Order
    {
        Time,
        Name,
        Loss,
    }

    public static Command Create()
    {
        var folder = new Argument<string[]>("folders")
        {
            Description = $"The folders of the runs (default {Folder})",
            DefaultValueFactory = _ => [Folder],
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<Order> sort = Options.OneOf("--sort", "The order; by loss each data set by itself", Order.Time, Options.Names<Order>());
        Option<bool> json = Options.Flag("--json", "Print the list as JSON");
        var command = new Command("runs", "List past runs; runs compare lays some of them side by side") { folder, sort, json };
        command.SetAction(parsed => List(parsed.GetValue(folder)!, parsed.GetValue(sort), parsed.GetValue(json)));
        command.Add(Compare(folder));
        return command;
    }

    private static Command Compare(Argument<string[]> parent)
    {
        var folders = new Argument<string[]>("runs") { Description = "The runs' folders", Arity = new ArgumentArity(0, MostCompared) };
        Option<string?> output = Options.Text("--out", "file", "A picture of their validation losses over one another, .png or .svg");
        var command =
            new Command("compare", "Lay runs side by side: the settings that differ, the results, their curves") { folders, output };
        command.SetAction(parsed => parsed.GetResult(parent) is { Tokens.Count: > 0 } given
            ? throw CliException.WrongInput($"expected runs compare and the runs' folders, got '{given.Tokens[0].Value}' before compare")
            : parsed.GetValue(folders) is [_, _, ..] several ? Compare(several, parsed.GetValue(output))
            : throw CliException.WrongInput(
                $"runs compare: expected the folders of two runs or more, got {parsed.GetValue(folders)!.Length}"));
        return command;
    }

    private static int List(string[] folders, Order order, bool json)
    {
        if (folders.FirstOrDefault(folder => !Directory.Exists(folder)) is string missing)
        {
            throw CliException.WrongInput(
                $"'{missing}': no such folder; fit and train put their runs into {Folder} unless --out names another");
        }

        var rows = new List<Row>();
        foreach (string path in folders.SelectMany(Directory.GetDirectories).Where(RunFolder.IsRun))
        {
            string name = folders.Length == 1 ? Path.GetFileName(path) : path;
            try
            {
                RunFolder run = RunFolder.Read(path);
                rows.Add(new Row(name, run.Began, run, ""));
            }
            catch (RunException e)
            {
                rows.Add(new Row(name, Directory.GetCreationTimeUtc(path), null, e.Message));
            }
        }

        Row[] sorted = [.. order switch
        {
            Order.Name => rows.OrderBy(row => row.Name, StringComparer.Ordinal),
            Order.Loss => rows.OrderBy(row => row.Run is null)
                .ThenBy(row => row.Run?.Data, StringComparer.Ordinal).ThenBy(row => row.Run?.Error ?? double.PositiveInfinity),
            _ => rows.OrderBy(row => row.Began).ThenBy(row => row.Name, StringComparer.Ordinal),
        }];
        if (json)
        {
            JsonText.Print(writer => Write(writer, sorted));
            return ExitCode.Done;
        }

        if (sorted.Length == 0)
        {
            Console.WriteLine($"no runs in {string.Join(", ", folders)}");
            return ExitCode.Done;
        }

        var table = new Spectre.Console.Table { Border = TableBorder.Rounded };
        foreach (string column in _columns)
        {
            table.AddColumn(new TableColumn(column) { NoWrap = true });
        }

        foreach ((string name, DateTime began, RunFolder? run, string problem) in sorted)
        {
            string?[] cells = run is null
                ? [name, "", "", Time(began), "", "", "", problem]
                : [name, run.Data, Model(run), Time(began), Epochs(run), run.Setting("seed"), Error(run), Bandwidths(run), run.Status];
            table.AddRow(Array.ConvertAll(cells, Cell));
        }

        Print(table);
        return ExitCode.Done;
    }

    private static void Write(Utf8JsonWriter writer, Row[] rows)
    {
        writer.WriteStartArray("runs");
        foreach ((string name, DateTime began, RunFolder? run, string problem) in rows)
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            RunFiles.WriteBegun(writer, began);
            if (run is null)
            {
                writer.WriteString("status", "damaged");
                writer.WriteString("problem", problem);
            }
            else
            {
                writer.WriteString("status", run.Status);
                writer.WriteString("data", run.Data);
                writer.WriteString("model", run.Model);
                writer.WriteString("seed", run.Setting("seed"));
                if (run.ValLoss is double loss)
                {
                    writer.WriteNumber("val_loss", loss);
                }

                if (run.Error is double error)
                {
                    writer.WriteNumber(run.ErrorName.Replace(' ', '_').Replace('-', '_').ToLowerInvariant(), error);
                }

                foreach (RunValue value in run.Summary.Where(
                    value => run.IsFit && value.Number is not null && RunFolder.FitResults.ContainsKey(value.Key)))
                {
                    writer.WriteNumber(value.Key, value.Number!.Value);
                }
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static int Compare(string[] folders, string? output)
    {
        if (output is not null)
        {
            OutputPath.Check("--out", output);
            if (Path.GetExtension(output).ToLowerInvariant() is not (".png" or ".svg"))
            {
                throw CliException.WrongInput($"--out: expected a file that ends in .png or .svg, got '{output}'");
            }
        }

        RunFolder[] runs = [.. folders.Select(RunFolder.Read)];
        IEnumerable<string> keys = runs.SelectMany(run => run.Config).Select(pair => pair.Key).Distinct();
        Spectre.Console.Table table = Terminal.Table([""], [.. runs.Select(run => PlainText.Brief(run.Name, MostOfACell))]);

        foreach (string key in keys.Where(key => key is not ("arguments" or "data_sha256" or RunFiles.BegunName)
            && runs.Select(run => run.Setting(key)).Distinct().Count() > 1))
        {
            Add(key, run => run.Setting(key) ?? "");
        }

        table.AddEmptyRow();
        foreach (string column in runs.SelectMany(run => run.Bandwidths.Keys).Distinct())
        {
            Add(
                column.Length == 0 ? "bandwidth" : $"bandwidth of {column}",
                run => run.Bandwidths.TryGetValue(column, out string? h) ? Short(h) : "");
        }

        IEnumerable<string> results = runs.Where(run => !run.IsFit).SelectMany(run => run.Summary).Select(pair => pair.Key).Distinct();
        foreach (string key in results.Where(key => RunFolder.IsWidth(key) || key is "best_epoch" or "steps"))
        {
            Add(key, run => !run.IsFit && run.Result(key) is string text ? Short(text) : "");
        }

        foreach ((string key, string name) in RunFolder.FitResults.Where(_ => runs.Any(run => run.IsFit)))
        {
            Add(name, run => run.IsFit && run.Result(key) is string text ? Short(text) : "");
        }

        if (runs.Any(run => !run.IsFit))
        {
            Add("validation loss", run => Short(run.ValLoss));
        }

        foreach (string kind in runs.Select(run => run.ErrorName).Distinct())
        {
            Add(kind, run => run.ErrorName == kind ? Short(run.Error) : "");
        }

        Add("status", run => run.Status);
        Print(table);
        Chart(runs);
        if (output is not null)
        {
            Draw(runs, output);
        }

        return ExitCode.Done;

        void Add(string name, Func<RunFolder, string> cell) => table.AddRow([Cell(name), .. runs.Select(run => Cell(cell(run)))]);
    }

    private static void Print(Spectre.Console.Table table)
    {
        if (Console.IsOutputRedirected)
        {
            Terminal.Output.Profile.Width = PipedWidth;
        }

        Terminal.Output.Write(table);
    }

    // The validation losses over one another, as far as a terminal goes.
    private static void Chart(RunFolder[] runs)
    {
        RunFolder[] drawn = [.. runs.Where(RunCharts.HasEpochs)];
        if (drawn.Length == 0)
        {
            return;
        }

        Terminal.Output.WriteLine("validation loss over the epochs");
        (string Color, IReadOnlyList<(double X, double Y)> Points)[] lines =
            [.. drawn.Select((run, i) => (_colors[i % _colors.Length], Points(run)))];
        Terminal.Output.Write(BrailleChart.Render(lines, Math.Min(Terminal.Output.Profile.Width, ChartWidth), ChartHeight, Short));
        Terminal.Output.WriteLine();
        Terminal.Output.MarkupLine(string.Join("  ", drawn.Select((run, i) => $"[{_colors[i % _colors.Length]}]{Cell(run.Name)}[/]")));

        static IReadOnlyList<(double X, double Y)> Points(RunFolder run) =>
            [.. run.Epochs["epoch"].Zip(run.Epochs["val_loss"]).Where(point => double.IsFinite(point.Second))];
    }

    private static void Draw(RunFolder[] runs, string output)
    {
        Figure figure = RunCharts.Compare(runs) ?? throw CliException.WrongInput(
            "--out: no epoch of these runs is done, there are no curves to draw");
        figure.Save(output);
        Console.WriteLine(output);
    }

    private static string? Model(RunFolder run) =>
        run.IsFit && run.Setting("degree") is string degree ? $"{run.Model}, degree {degree}" : run.Model;

    private static string Error(RunFolder run) => run.Error is double error ? $"{Short(error)} ({run.ErrorName})" : "";

    private static string Bandwidths(RunFolder run)
    {
        const int most = 4;
        IEnumerable<string> shown = run.Bandwidths.Take(most).Select(
            pair => pair.Key.Length == 0 ? Short(pair.Value) : $"{PlainText.Brief(pair.Key)} {Short(pair.Value)}");
        return string.Join(", ", run.Bandwidths.Count > most ? shown.Append("...") : shown);
    }

    private static string Cell(string? text) => Terminal.Cell(PlainText.Brief(text ?? "", MostOfACell));

    private static string Epochs(RunFolder run) =>
        run.IsFit ? ""
        : run.Setting("seeds") is string seeds ? $"{seeds} seeds"
        : run.SweptRuns is string runs ? $"{runs} runs"
        : run.Result("epochs") ?? $"{run.Epochs["epoch"].Length} of {run.Setting("epochs")}";

    private static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>A run, or what is wrong with one.</summary>
    private sealed record Row(string Name, DateTime Began, RunFolder? Run, string Problem);
}
