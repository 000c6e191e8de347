using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Everything needed to repeat a run, and to go on with it.</summary>
internal static class RunConfig
{
    private const string DigestName = "data_sha256";
    public const string WeightDecayName = "weight_decay";

    /// <summary>Writes the configuration of one training.</summary>
    /// <param name="json">The file.</param>
    /// <param name="options">What was asked for, the device and the nonparametric bandwidth as they were found.</param>
    /// <param name="source">The data.</param>
    /// <param name="digest">What identifies them.</param>
    /// <param name="begun">When the run began.</param>
    public static void Write(Utf8JsonWriter json, TrainOptions options, DataSource source, string digest, DateTime begun)
    {
        WriteHead(json, options, source, begun);
        if (source.IsTable)
        {
            json.WriteString("x", string.Join(',', source.XLabels));
            json.WriteString("y", source.YLabel);
            json.WriteNumber("rows", source.RowCount);
        }

        options.Line.Record(json, options);
        json.WriteNumber("threads", torch.get_num_threads());
        json.WriteString("version", ProgramVersion.Text);
        json.WriteString("torchsharp", typeof(torch).Assembly.GetName().Version!.ToString(3));
        json.WriteString("libtorch", LibTorch.LoadedVersion ?? torch.__version__);
        json.WriteString(DigestName, digest);
        json.WriteStrings("arguments", options.Arguments);
    }

    /// <summary>Writes the configuration of a training with several seeds.</summary>
    public static void WriteSeeds(Utf8JsonWriter json, TrainOptions options, DataSource source)
    {
        WriteHead(json, options, source, DateTime.UtcNow);
        json.WriteNumber("seed", options.Seed);
        json.WriteNumber("seeds", options.Seeds!.Value);
        json.WriteNumber(WeightDecayName, options.ToOptimizer().WeightDecay);
        json.WriteStrings("arguments", options.Arguments);
    }

    /// <summary>Writes the configuration of a sweep.</summary>
    public static void WriteSweep(
        Utf8JsonWriter json, TrainOptions options, DataSource source, IReadOnlyList<SweptOption> swept, IReadOnlyList<SweepRun> runs)
    {
        string models = string.Join(", ", runs.Select(run => run.Options.Model.Name).Distinct());
        WriteHead(json, options, source, DateTime.UtcNow, models);
        json.WriteNumber("seed", options.Seed);
        json.WriteObject("sweep", () =>
        {
            foreach (SweptOption option in swept)
            {
                json.WriteStrings(option.Key, option.Values);
            }
        });
        json.WriteNumber("runs", runs.Count);
        json.WriteStrings("arguments", options.Arguments);
    }

    /// <summary>The options of a run that was begun before.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <param name="now">The command line that asks to go on with it.</param>
    /// <exception cref="CliException">It holds no run that can go on.</exception>
    /// <exception cref="RunException">Its configuration is damaged.</exception>
    public static TrainOptions Read(string directory, ParseResult now)
    {
        string file = Path.Combine(directory, RunFiles.Config);
        string shown = PlainText.Brief(directory, 200);
        if (!Path.Exists(file))
        {
            throw CliException.WrongInput(
                $"--resume: '{shown}' holds no run ({RunFiles.Config} is not there); begin it with train --out {shown}");
        }

        IReadOnlyList<RunValue> values = RunValue.ReadAll(file);
        string command = Text("command");
        if (command != "train")
        {
            throw CliException.WrongInput(
                $"--resume: '{shown}' is a run of {PlainText.Brief(command)}, which has no training to go on with");
        }

        IReadOnlyList<string> arguments = Find("arguments")?.Texts ?? throw Wrong("arguments", "a list of texts");
        var line = new TrainLine(now, TrainLine.Parse(file, arguments));
        TrainOptions then = new TrainOptions(line) with { Data = Text("data"), Arguments = arguments };

        // A run goes on with the decay that it began with: 0 where it was recorded by a version that had no other default.
        bool isDefault = then.WeightDecay is null && then.Optimizer != OptimizerKind.Lbfgs;
        return isDefault ? then with { WeightDecay = Find(WeightDecayName) is null ? 0 : Number(WeightDecayName) } : then;

        RunValue? Find(string key) => values.FirstOrDefault(value => value.Key == key);

        string Text(string key) => Find(key) is { Kind: JsonValueKind.String } value ? value.Value : throw Wrong(key, "a text");

        double Number(string key) => Find(key)?.Number ?? throw Wrong(key, "a number");

        RunException Wrong(string key, string expected) => RunException.Damaged(file, expected, Find(key)?.Shown, key);
    }

    /// <summary>What identifies the data that a run began with; null where that is not recorded.</summary>
    public static string? Digest(string directory)
    {
        string file = Path.Combine(directory, RunFiles.Config);
        RunValue? digest = RunValue.ReadAll(file).FirstOrDefault(value => value.Key == DigestName);
        return digest is null or { Kind: JsonValueKind.String }
            ? digest?.Value
            : throw RunException.Damaged(file, "a text", digest.Shown, DigestName);
    }

    private static void WriteHead(Utf8JsonWriter json, TrainOptions options, DataSource source, DateTime begun, string? models = null)
    {
        json.WriteString("command", "train");
        RunFiles.WriteBegun(json, begun);
        json.WriteString("model", models ?? options.Model.Name);
        json.WriteString("data", source.IsFile ? Path.GetFullPath(options.Data) : source.Name);
    }
}
