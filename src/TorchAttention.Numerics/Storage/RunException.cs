using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Storage;

/// <summary>A run that cannot be read back, said in one line: the file, the place in it, what was expected and what came.</summary>
/// <param name="kind">What is wrong.</param>
/// <param name="file">The file, or the folder where that is what is wrong.</param>
/// <param name="inner">What it came of.</param>
public sealed class RunException(RunProblem kind, string file, Exception? inner = null) : Exception(null, inner)
{
    private const int LongestPath = 500;

    /// <summary>What is wrong.</summary>
    public RunProblem Kind { get; } = kind;

    /// <summary>The file, or the folder where that is what is wrong.</summary>
    public string File { get; } = file;

    /// <summary>The row of a table, the header being 1.</summary>
    public long? Row { get; init; }

    /// <summary>The name of a value, nested names joined by points.</summary>
    public string? Name { get; init; }

    /// <summary>What was expected, as part of a sentence.</summary>
    public string? Expected { get; init; }

    /// <summary>What came, as it is in the file.</summary>
    public string? Found { get; init; }

    /// <summary>A file that is not as it was written.</summary>
    public static RunException Damaged(
        string file, string expected, string? found, string? name = null, long? row = null, Exception? inner = null) =>
        new(RunProblem.Damaged, file, inner) { Name = name, Row = row, Expected = expected, Found = found };

    /// <inheritdoc/>
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
