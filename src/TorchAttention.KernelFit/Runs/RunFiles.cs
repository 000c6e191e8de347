using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Runs;

/// <summary>What the files of a run are called, and when it began.</summary>
internal static class RunFiles
{
    public const string Config = "config.json";
    public const string Summary = "summary.json";
    public const string Steps = RunFile.Steps;
    public const string Epochs = RunFile.Epochs;
    public const string Table = "table.csv";
    public const string Fitted = "fitted.csv";
    public const string Groups = "groups.csv";
    public const string Predicted = "predicted.csv";
    public const string Search = "search.csv";
    public const string Model = "model.safetensors";
    public const string Report = "report.html";
    public const string Plots = "plots";

    /// <summary>What the summary of several seeds says of each number.</summary>
    public static readonly string[] Spread = ["mean", "deviation", "least", "most"];

    /// <summary>Open in one process while that is at work on the run.</summary>
    public const string Claim = ".running";

    /// <summary>The name that the time has in the configuration.</summary>
    public const string BegunName = "begun";

    /// <summary>When the run in a folder began; null where nothing says it.</summary>
    public static DateTime? Begun(string directory) =>
        ParseBegun(RunValue.ReadAll(Path.Combine(directory, Config)).FirstOrDefault(value => value.Key == BegunName)?.Value);

    /// <summary>The time that a text says; null where it says none.</summary>
    public static DateTime? ParseBegun(string? text)
    {
        const DateTimeStyles utc = DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal;
        return DateTime.TryParse(text, CultureInfo.InvariantCulture, utc, out DateTime begun) ? begun : null;
    }

    /// <summary>Writes when a run began.</summary>
    public static void WriteBegun(Utf8JsonWriter json, DateTime begun) =>
        json.WriteString(BegunName, begun.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
}
