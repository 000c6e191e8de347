using System.Globalization;
using System.Text.Json;
using TorchAttention.Cli.Training;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Reports;

/// <summary>What a run left in its folder, finished or not.</summary>
internal sealed class RunFolder
{
    private const string SummaryFile = "summary.json";

    private RunFolder(string path)
    {
        Path = path;
        Name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));
    }

    public string Path { get; }

    public string Name { get; }

    /// <summary>The settings, nested names joined by points.</summary>
    public IReadOnlyList<(string Key, string Value)> Config { get; private init; } = [];

    /// <summary>The results, nested names joined by points; none where the run is not finished.</summary>
    public IReadOnlyList<(string Key, string Value)> Summary { get; private init; } = [];

    /// <summary>The columns of <c>epochs.csv</c>.</summary>
    public Columns Epochs { get; private init; } = Columns.None;

    /// <summary>The columns of <c>steps.csv</c>.</summary>
    public Columns Steps { get; private init; } = Columns.None;

    /// <summary>The runs of each seed, where the folder is of several.</summary>
    public IReadOnlyList<RunFolder> Seeds => Setting("seeds") is null ? [] : [.. Directory.GetDirectories(Path, "seed-*").Where(IsRun).OrderBy(path => path.Length).ThenBy(path => path, StringComparer.Ordinal).Select(Read)];

    /// <summary>Whether it is a fit, which has no epochs.</summary>
    public bool IsFit => Setting("command") == "fit";

    /// <summary>What the data are called.</summary>
    public string? Data => IsFit ? Result("data") ?? Setting("data") : Setting("data") ?? Result("data");

    public string Status => Summary.Count > 0 ? "finished" : IsAtWork() ? "running" : "unfinished";

    public DateTime Began => RunConfig.ParseBegun(Setting(RunConfig.BegunName)) ?? File.GetCreationTimeUtc(System.IO.Path.Combine(Path, RunConfig.FileName));

    /// <summary>The pictures as SVG, by name.</summary>
    public IReadOnlyList<string> Pictures =>
        Directory.Exists(System.IO.Path.Combine(Path, "plots")) ? [.. Directory.GetFiles(System.IO.Path.Combine(Path, "plots"), "*.svg").Order(StringComparer.Ordinal)] : [];

    /// <summary>Whether a folder holds a run, whole or damaged.</summary>
    public static bool IsRun(string path) => File.Exists(System.IO.Path.Combine(path, RunConfig.FileName)) || File.Exists(System.IO.Path.Combine(path, SummaryFile));

    /// <summary>Reads a run.</summary>
    /// <exception cref="CliException">There is none, or it is damaged.</exception>
    public static RunFolder Read(string path)
    {
        if (!Directory.Exists(path))
        {
            throw CliException.WrongInput($"'{path}': no such folder");
        }

        if (!IsRun(path))
        {
            throw CliException.WrongInput($"'{path}' holds no run: neither {RunConfig.FileName} nor {SummaryFile} is there");
        }

        return new RunFolder(path)
        {
            Config = Json(System.IO.Path.Combine(path, RunConfig.FileName)),
            Summary = Json(System.IO.Path.Combine(path, SummaryFile)),
            Epochs = Columns.Read(System.IO.Path.Combine(path, TrainingLog.EpochsFile)),
            Steps = Columns.Read(System.IO.Path.Combine(path, TrainingLog.StepsFile)),
        };
    }

    /// <summary>A setting; null where there is none of the name.</summary>
    public string? Setting(string key) => Config.FirstOrDefault(pair => pair.Key == key).Value;

    /// <summary>A result; null where there is none of the name.</summary>
    public string? Result(string key) => Summary.FirstOrDefault(pair => pair.Key == key).Value;

    /// <summary>The validation loss of what was learned: the last estimator's, or the last epoch's of a run that is not finished.</summary>
    public double? ValLoss
    {
        get
        {
            string? final = Summary.LastOrDefault(pair => pair.Key.StartsWith("estimators.", StringComparison.Ordinal) && pair.Key.EndsWith(".val_loss", StringComparison.Ordinal)).Value;
            return final is not null ? double.Parse(final, CultureInfo.InvariantCulture)
                : Epochs["val_loss"] is [.., double last] ? last
                : null;
        }
    }

    private bool IsAtWork()
    {
        string claim = System.IO.Path.Combine(Path, ".running");
        if (!File.Exists(claim))
        {
            return false;
        }

        try
        {
            using var unused = new FileStream(claim, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static List<(string Key, string Value)> Json(string file)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            var pairs = new List<(string, string)>();
            Flatten("", document.RootElement, pairs);
            return pairs;
        }
        catch (JsonException e)
        {
            throw CliException.WrongInput($"'{file}' is damaged ({PlainText.Of(e.Message.TrimEnd('.'))})", e);
        }
    }

    private static void Flatten(string name, JsonElement element, List<(string, string)> pairs)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                Flatten(name.Length == 0 ? property.Name : $"{name}.{property.Name}", property.Value, pairs);
            }

            return;
        }

        pairs.Add((name, element.ValueKind == JsonValueKind.Array ? string.Join(' ', element.EnumerateArray().Select(item => item.ToString())) : element.ToString()));
    }
}
