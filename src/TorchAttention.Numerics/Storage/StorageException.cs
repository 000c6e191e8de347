using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Storage;

/// <summary>
/// A file of tensors that cannot be used: the file, what was expected and what came. The message says it all in one line.
/// </summary>
/// <remarks>
/// The properties hold text as it is in the file; in the message it is cut short, and characters that would break the line are written as
/// <c>\n</c> or <c>\u001b</c>.
/// </remarks>
/// <param name="kind">What is wrong.</param>
/// <param name="file">The file, as the user named it.</param>
/// <param name="inner">The cause, where another library found it.</param>
public sealed class StorageException(StorageProblem kind, string file, Exception? inner = null) : Exception(null, inner)
{
    private const int LongestPhrase = 200;
    private const int LongestPath = 500;

    /// <summary>What is wrong.</summary>
    public StorageProblem Kind { get; } = kind;

    /// <summary>The file, as the user named it.</summary>
    public string File { get; } = file;

    /// <summary>The tensor's or the text's name in the file; null where the problem is of none.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// What was expected, as part of a sentence that leaves the name out or goes on after it; null where the kind says it.
    /// </summary>
    public string? Expected { get; init; }

    /// <summary>What came: a text of the header, or a phrase; null where the kind says it.</summary>
    public string? Found { get; init; }

    /// <inheritdoc/>
    public override string Message => $"{PlainText.Brief(File, LongestPath)}: {Problem}";

    /// <summary>The message without the file.</summary>
    public string Problem => Kind switch
    {
        StorageProblem.NoFile => "no such file",
        StorageProblem.Unreadable => $"cannot be read ({Shown})",
        StorageProblem.OtherModel => $"expected {Expected}, found '{PlainText.Brief(Found ?? "")}'",
        StorageProblem.Text =>
            $"expected {(Expected is null ? "" : $"{Expected} ")}{Named} in the header, found "
                + $"{(Found is null ? Shown : $"'{PlainText.Brief(Found)}'")}",
        StorageProblem.Tensor or StorageProblem.OtherTraining when Name is not null =>
            $"expected {(Expected is null ? $"a tensor {Named}" : $"{Named} {Expected}")}, found {Shown}",
        _ => $"expected {Expected}{(Name is null ? "" : $" for {Named}")}, found {Shown}",
    };

    private string Named => $"'{PlainText.Brief(Name ?? "")}'";

    private string Shown => PlainText.Brief(Found ?? "none", LongestPhrase);
}
