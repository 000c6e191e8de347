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

    private static readonly string[] _colors = ["blue", "green", "red", "yellow", "fuchsia", "aqua"];

    private static readonly string[] _columns = ["run", "data", "model", "begun (UTC)", "epochs", "seed", "val loss", "status"];

    private enum Order
    {
        Time,
        Name,
        Loss,
    }

    public static Command Create()
    {
        var folder = new Argument<string>("folder")
        {
            Description = $"The folder of the runs (default {Folder})",
            DefaultValueFactory = _ => Folder,
        };
        Option<Order> sort = Options.OneOf("--sort", "The order", Order.Time, Options.Names<Order>());
        Option<bool> json = Options.Flag("--json", "Print the list as JSON");
        var command = new Command("runs", "List past runs; runs compare lays some of them side by side") { folder, sort, json };
        command.SetAction(parsed => List(parsed.GetValue(folder)!, parsed.GetValue(sort), parsed.GetValue(json)));
        command.Add(Compare(folder));
        return command;
    }

    private static Command Compare(Argument<string> parent)
    {
        var folders = new Argument<string[]>("runs") { Description = "The runs' folders", Arity = new ArgumentArity(2, 20) };
        Option<string?> output = Options.Text("--out", "file", "A picture of their validation losses over one another, .png or .svg");
        var command =
            new Command("compare", "Lay runs side by side: the settings that differ, the results, their curves") { folders, output };
        command.SetAction(parsed => parsed.GetResult(parent) is { Tokens.Count: > 0 } given
            ? throw CliException.WrongInput($"expected runs compare and the runs' folders, got '{given.Tokens[0].Value}' before compare")
            : Compare(parsed.GetValue(folders)!, parsed.GetValue(output)));
        return command;
    }

    private static int List(string folder, Order order, bool json)
    {
        if (!Directory.Exists(folder))
        {
            throw CliException.WrongInput($"'{folder}': no such folder; train puts its runs into {Folder} unless --out names another");
        }

        var rows = new List<Row>();
        foreach (string path in Directory.GetDirectories(folder).Where(RunFolder.IsRun))
        {
            try
            {
                RunFolder run = RunFolder.Read(path);
                rows.Add(new Row(run.Name, run.Began, run, ""));
            }
            catch (RunException e)
            {
                rows.Add(new Row(Path.GetFileName(path), Directory.GetCreationTimeUtc(path), null, e.Message));
            }
        }

        Row[] sorted = [.. order switch
        {
            Order.Name => rows.OrderBy(row => row.Name, StringComparer.Ordinal),
            Order.Loss => rows.OrderBy(row => row.Run?.ValLoss ?? double.PositiveInfinity),
            _ => rows.OrderBy(row => row.Began).ThenBy(row => row.Name, StringComparer.Ordinal),
        }];
        if (json)
        {
            JsonText.Print(writer => Write(writer, sorted));
            return ExitCode.Done;
        }

        if (sorted.Length == 0)
        {
            Console.WriteLine($"no runs in {folder}");
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
                : [name, run.Data, run.Model, Time(began), Epochs(run), run.Setting("seed"), Short(run.ValLoss), run.Status];
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
        IEnumerable<string> results = runs.SelectMany(run => run.Summary).Select(pair => pair.Key).Distinct();
        foreach (string key in results.Where(key => RunFolder.IsLearned(key) || key is "best_epoch" or "steps"))
        {
            Add(key, run => run.Result(key) is string text ? Short(text) : "");
        }

        Add("validation loss", run => Short(run.ValLoss));
        Add("validation RMSE", run => Short(run.ValLoss is double loss ? Math.Sqrt(2 * loss) : null));
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

    private static string Cell(string? text) => Terminal.Cell(PlainText.Brief(text ?? "", MostOfACell));

    private static string Epochs(RunFolder run) =>
        run.IsFit ? ""
        : run.Setting("seeds") is string seeds ? $"{seeds} seeds"
        : run.Result("epochs") ?? $"{run.Epochs["epoch"].Length} of {run.Setting("epochs")}";

    private static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>A run, or what is wrong with one.</summary>
    private sealed record Row(string Name, DateTime Began, RunFolder? Run, string Problem);
}
