namespace TorchAttention.Cli.Runs;

/// <summary>What is wrong with a run's folder.</summary>
internal enum RunProblem
{
    /// <summary>There is no such folder.</summary>
    NoFolder,

    /// <summary>The folder holds no run.</summary>
    NoRun,

    /// <summary>A file of the run cannot be read.</summary>
    Unreadable,

    /// <summary>A file of the run is not as it was written.</summary>
    Damaged,
}

/// <summary>A run that cannot be read back, said in one line: the file, the place in it, what was expected and what came.</summary>
internal sealed class RunException(RunProblem kind, string file, Exception? inner = null) : Exception(null, inner)
{
    private const int LongestPath = 500;

    public RunProblem Kind { get; } = kind;

    /// <summary>The file, or the folder where that is what is wrong.</summary>
    public string File { get; } = file;

    /// <summary>The row of a table, the header being 1.</summary>
    public long? Row { get; init; }

    /// <summary>The name of a value, nested names joined by points.</summary>
    public string? Name { get; init; }

    public string? Expected { get; init; }

    public string? Found { get; init; }

    /// <summary>A file that is not as it was written.</summary>
    public static RunException Damaged(
        string file, string expected, string? found, string? name = null, long? row = null, Exception? inner = null) =>
        new(RunProblem.Damaged, file, inner) { Name = name, Row = row, Expected = expected, Found = found };

    public override string Message
    {
        get
        {
            string file = $"'{PlainText.Brief(File, LongestPath)}'";
            string place = Row is not null ? $"row {Row}: " : Name is not null ? $"{PlainText.Brief(Name, 80)}: " : "";
            return Kind switch
            {
                RunProblem.NoFolder => $"{file}: no such folder",
                RunProblem.NoRun => $"{file} holds no run: {Found}",
                RunProblem.Unreadable => $"{file} cannot be read ({Found})",
                _ => $"{file} is damaged ({place}expected {Expected}, found {PlainText.Brief(Found ?? "nothing", 80)})",
            };
        }
    }
}
