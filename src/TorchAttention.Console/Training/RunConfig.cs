using System.Globalization;
using System.Text.Json;
using TorchAttention.Cli.Reports;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Tables;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>Everything needed to repeat a run, and to go on with it.</summary>
internal static class RunConfig
{
    public const string FileName = "config.json";
    public const string BegunName = "begun";
    private const string DigestName = "data_sha256";
    public const string WeightDecayName = "weight_decay";

    public static void Write(Utf8JsonWriter json, TrainOptions options, DataSource source, torch.Device device, double bandwidth, string digest, DateTime begun)
    {
        json.WriteString("command", "train");
        WriteBegun(json, begun);
        json.WriteString("model", options.Model);
        json.WriteString("data", source.IsFile ? Path.GetFullPath(options.Data) : source.Name);
        if (source.IsTable)
        {
            json.WriteString("x", string.Join(',', source.XLabels));
            json.WriteString("y", source.YLabel);
            json.WriteNumber("rows", source.RowCount);
            json.WriteNumber("validation_fraction", options.ValidationFraction ?? DataSource.DefaultValidationFraction);
        }
        else
        {
            json.WriteNumber("n", options.N ?? DataSource.DefaultN);
            json.WriteNumber("noise_std", options.NoiseStd ?? DataSource.DefaultNoiseStd);
        }

        json.WriteNumber("nonparametric_bandwidth", bandwidth);
        json.WriteNumber("batch_size", options.BatchSize);
        json.WriteNumber("epochs", options.Epochs);
        WriteModel(json, options);
        json.WriteString("optimizer", options.Optimizer.ToString().ToLowerInvariant());
        json.WriteNumber("lr", options.Lr);
        json.WriteNumber("momentum", options.Momentum ?? 0);
        json.WriteNumber(WeightDecayName, options.ToOptimizer().WeightDecay);
        json.WriteString("schedule", options.Schedule.ToString().ToLowerInvariant());
        json.WriteNumber("warmup", options.WarmupSteps ?? 0);
        WriteOrNull(json, "clip", options.Clip);
        WriteOrNull(json, "patience", options.Patience);
        json.WriteNumber("seed", options.Seed);
        json.WriteBoolean("leave_one_out", options.LeaveOneOut);
        json.WriteString("method", options.Method.ToString().ToLowerInvariant());
        json.WriteString("device", device.ToString());
        json.WriteNumber("threads", torch.get_num_threads());
        json.WriteString("version", InfoCommand.Version);
        json.WriteString("torchsharp", typeof(torch).Assembly.GetName().Version!.ToString(3));
        json.WriteString("libtorch", LibTorch.LoadedVersion ?? torch.__version__);
        json.WriteString(DigestName, digest);
        WriteArguments(json, options);
    }

    /// <summary>When the run began.</summary>
    public static void WriteBegun(Utf8JsonWriter json, DateTime begun) => json.WriteString(BegunName, begun.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    /// <summary>When the run in a folder began; null where nothing says it.</summary>
    public static DateTime? Begun(string directory) =>
        ParseBegun(RunFile.Values(Path.Combine(directory, FileName)).FirstOrDefault(value => value.Key == BegunName)?.Value);

    /// <summary>The time that a text says; null where it says none.</summary>
    public static DateTime? ParseBegun(string? text) =>
        DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime begun) ? begun : null;

    /// <summary>The command line that began the run.</summary>
    public static void WriteArguments(Utf8JsonWriter json, TrainOptions options)
    {
        json.WriteStartArray("arguments");
        foreach (string argument in options.Arguments)
        {
            json.WriteStringValue(argument);
        }

        json.WriteEndArray();
    }

    /// <summary>The options of a run that was begun before.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <exception cref="CliException">It holds no run that can go on.</exception>
    /// <exception cref="RunException">Its configuration is damaged.</exception>
    public static TrainOptions Read(string directory)
    {
        string file = Path.Combine(directory, FileName);
        string shown = PlainText.Brief(directory, 200);
        if (!Path.Exists(file))
        {
            throw CliException.WrongInput($"--resume: '{shown}' holds no run ({FileName} is not there); begin it with train --out {shown}");
        }

        IReadOnlyList<RunValue> values = RunFile.Values(file);
        string command = Text("command");
        if (command != "train")
        {
            throw CliException.WrongInput($"--resume: '{shown}' is a run of {PlainText.Brief(command)}, which has no training to go on with");
        }

        IReadOnlyList<string> arguments = Find("arguments")?.Texts ?? throw Wrong("arguments", "a list of texts");
        TrainOptions then = TrainCommand.Parse(file, arguments) with { Data = Text("data") };

        // A run goes on with the decay that it began with: 0 where it was recorded by a version that had no other default.
        bool isDefault = then.WeightDecay is null && then.Optimizer != OptimizerKind.Lbfgs;
        return isDefault ? then with { WeightDecay = Find(WeightDecayName) is null ? 0 : Number(WeightDecayName) } : then;

        RunValue? Find(string key) => values.FirstOrDefault(value => value.Key == key);

        string Text(string key) => Find(key) is { Kind: JsonValueKind.String } value ? value.Value : throw Wrong(key, "a text");

        double Number(string key) => Find(key)?.Number ?? throw Wrong(key, "a number");

        RunException Wrong(string key, string expected) => new(RunProblem.Damaged, file)
        {
            Name = key,
            Expected = expected,
            Found = Find(key)?.Shown,
        };
    }

    /// <summary>What identifies the data that a run began with; null where that is not recorded.</summary>
    public static string? Digest(string directory)
    {
        string file = Path.Combine(directory, FileName);
        RunValue? digest = RunFile.Values(file).FirstOrDefault(value => value.Key == DigestName);
        return digest is null or { Kind: JsonValueKind.String }
            ? digest?.Value
            : throw new RunException(RunProblem.Damaged, file) { Name = DigestName, Expected = "a text", Found = digest.Shown };
    }

    private static void WriteModel(Utf8JsonWriter json, TrainOptions options)
    {
        if (!LearnedModel.HasScore(options.Model))
        {
            json.WriteString("kernel", (options.Kernel ?? SmoothingKernel.Gaussian).Name);
            json.WriteBoolean("learn_values", options.LearnValues);
            if (options.Regions is int regions)
            {
                json.WriteNumber("regions", regions);
            }

            return;
        }

        var usual = new Models.AttentionRegressionOptions();
        json.WriteNumber("hidden", options.Hidden ?? usual.Hidden);
        if (options.Model == "multi-head")
        {
            json.WriteNumber("heads", options.Heads ?? usual.Heads);
        }

        json.WriteNumber("dropout", options.Dropout ?? usual.Dropout);
    }

    private static void WriteOrNull(Utf8JsonWriter json, string name, double? value)
    {
        if (value is double number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
