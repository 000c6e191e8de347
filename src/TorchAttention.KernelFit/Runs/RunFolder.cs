using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Runs;

/// <summary>What a run left in its folder, finished or not.</summary>
internal sealed class RunFolder
{
    private const string Estimators = "estimators";
    private const string Loss = "val_loss";

    private RunFolder(string path)
    {
        Path = path;
        Name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));
    }

    public string Path { get; }

    public string Name { get; }

    /// <summary>The settings, nested names joined by points.</summary>
    public IReadOnlyList<RunValue> Config { get; private init; } = [];

    /// <summary>The results, nested names joined by points; none where the run is not finished.</summary>
    public IReadOnlyList<RunValue> Summary { get; private init; } = [];

    /// <summary>The columns of <c>epochs.csv</c>.</summary>
    public Columns Epochs { get; private init; } = Columns.None;

    /// <summary>The columns of <c>steps.csv</c>.</summary>
    public Columns Steps { get; private init; } = Columns.None;

    /// <summary>The runs of each seed, where the folder is of several.</summary>
    public IReadOnlyList<RunFolder> Seeds =>
        Setting("seeds") is null ? []
            : [.. InOrder(Directory.GetDirectories(Path, "seed-*").Where(IsRun)).Select(Read)];

    /// <summary>Whether it is a fit, which has no epochs.</summary>
    public bool IsFit => Setting("command") == "fit";

    /// <summary>What the summary of a fit says in one number, and how people read it.</summary>
    public static IReadOnlyDictionary<string, string> FitResults { get; } = new Dictionary<string, string>
    {
        ["aicc"] = "AICc",
        ["effective_degrees_of_freedom"] = "effective degrees of freedom",
        ["residual_standard_error"] = "residual standard error",
    };

    /// <summary>
    /// The error that tells runs on the same data apart, in the target's units: of a fit by leave-one-out, of a training on what was held
    /// out; of classes the Brier score.
    /// </summary>
    public double? Error =>
        !IsFit ? ValLoss is double loss ? Math.Sqrt(2 * loss) : null
        : Number("leave_one_out_error") is not double square ? null
        : IsClasses ? square
        : Math.Sqrt(square);

    /// <summary>What <see cref="Error"/> is.</summary>
    public string ErrorName => !IsFit ? "validation RMSE" : IsClasses ? "leave-one-out Brier score" : "leave-one-out RMSE";

    /// <summary>The bandwidths by the columns' names; without a name where all columns share one.</summary>
    public IReadOnlyDictionary<string, string> Bandwidths
    {
        get
        {
            const string prefix = "bandwidth";
            if (!IsFit)
            {
                return Summary.Where(value => value.Key == prefix || value.Key.StartsWith($"{prefix}_", StringComparison.Ordinal))
                    .ToDictionary(value => value.Key.Length == prefix.Length ? "" : value.Key[(prefix.Length + 1)..], value => value.Value);
            }

            string[] widths = Result(prefix)?.Split(' ') ?? [];
            IReadOnlyList<string> columns = Config.FirstOrDefault(value => value.Key == "x")?.Texts ?? [];
            return columns.Count == widths.Length ? columns.Zip(widths).DistinctBy(pair => pair.First).ToDictionary()
                : new Dictionary<string, string>();
        }
    }

    /// <summary>How many trainings it is of, where it is a sweep.</summary>
    public string? SweptRuns => Setting("runs");

    private bool IsClasses => Setting("classes") is "True";

    /// <summary>What the data are called.</summary>
    public string? Data => IsFit ? Result("data") ?? Setting("data") : Setting("data") ?? Result("data");

    public string Status => Summary.Count > 0 ? "finished" : IsAtWork() ? "running" : "unfinished";

    public DateTime Began =>
        RunFiles.ParseBegun(Setting(RunFiles.BegunName)) ?? File.GetCreationTimeUtc(System.IO.Path.Combine(Path, RunFiles.Config));

    /// <summary>The pictures as SVG, by name.</summary>
    public IReadOnlyList<string> Pictures =>
        Directory.Exists(System.IO.Path.Combine(Path, RunFiles.Plots))
            ? [.. Directory.GetFiles(System.IO.Path.Combine(Path, RunFiles.Plots), "*.svg").Order(StringComparer.Ordinal)]
            : [];

    /// <summary>What is learned; the command where that is not said.</summary>
    public string? Model => Setting("model") ?? Setting("command");

    /// <summary>Whether a result is a number that was learned.</summary>
    public static bool IsLearned(string key) => key == "bandwidth" || IsWidth(key);

    /// <summary>Whether a result is a w that was learned.</summary>
    public static bool IsWidth(string key) => key == "w" || key.StartsWith("w_", StringComparison.Ordinal);

    /// <summary>Whether a folder holds a run, whole or damaged.</summary>
    public static bool IsRun(string path) =>
        Array.Exists([RunFiles.Config, RunFiles.Summary], file => System.IO.Path.Exists(System.IO.Path.Combine(path, file)));

    /// <summary>Reads a run.</summary>
    /// <exception cref="RunException">There is none, or it is damaged.</exception>
    public static RunFolder Read(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new RunException(RunProblem.NoFolder, path);
        }

        if (!IsRun(path))
        {
            throw new RunException(RunProblem.NoRun, path) { Found = $"neither {RunFiles.Config} nor {RunFiles.Summary} is there" };
        }

        string summary = System.IO.Path.Combine(path, RunFiles.Summary);
        var run = new RunFolder(path)
        {
            Config = RunValue.ReadAll(System.IO.Path.Combine(path, RunFiles.Config)),
            Summary = RunValue.ReadAll(summary),
            Epochs = Columns.Read(System.IO.Path.Combine(path, RunFiles.Epochs), "epoch", Loss),
            Steps = Columns.Read(System.IO.Path.Combine(path, RunFiles.Steps), "step"),
        };
        if (run.Summary.FirstOrDefault(value => IsLoss(value.Key) ? value.Number is null : HasLosses(value.Key)) is RunValue wrong)
        {
            string expected = IsLoss(wrong.Key) ? "a number" : "an object";
            throw RunException.Damaged(summary, expected, wrong.Shown, wrong.Key);
        }

        return run;
    }

    /// <summary>A setting; null where there is none of the name.</summary>
    public string? Setting(string key) => Config.FirstOrDefault(pair => pair.Key == key)?.Value;

    private double? Number(string key) => Summary.FirstOrDefault(pair => pair.Key == key)?.Number;

    /// <summary>A result; null where there is none of the name.</summary>
    public string? Result(string key) => Summary.FirstOrDefault(pair => pair.Key == key)?.Value;

    /// <summary>The validation loss of what was learned: the last estimator's, or the last epoch's of a run that is not finished.</summary>
    public double? ValLoss
    {
        get
        {
            double? last = Epochs[Loss] is [.., double value] ? value : null;
            return Summary.LastOrDefault(value => IsLoss(value.Key))?.Number ?? last;
        }
    }

    private static IEnumerable<string> InOrder(IEnumerable<string> folders) =>
        folders.OrderBy(path => path.Length).ThenBy(path => path, StringComparer.Ordinal);

    private bool IsAtWork()
    {
        string claim = System.IO.Path.Combine(Path, RunFiles.Claim);
        if (!File.Exists(claim) || SpecialFile.Is(claim))
        {
            return false;
        }

        try
        {
            using var unused = new FileStream(claim, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static bool IsLoss(string key) => key.Split('.') is [Estimators, _, Loss];

    // What should be an object would not be among the values by its own name.
    private static bool HasLosses(string key) => key.Split('.') is [Estimators] or [Estimators, _];
}
