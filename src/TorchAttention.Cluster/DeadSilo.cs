namespace TorchAttention.Cluster;

/// <summary>
/// Ends a silo that cannot go on: the others take it for dead, as they do with one that stood still, or that they cannot reach. What
/// Orleans would write is a page of its own stack.
/// </summary>
internal sealed class DeadSilo : IFatalErrorHandler
{
    private const int Longest = 300;

    private int _isTold;

    /// <inheritdoc/>
    public bool IsUnexpected(Exception exception) => true;

    /// <inheritdoc/>
    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        if (Interlocked.Exchange(ref _isTold, 1) == 0)
        {
            string why = PlainText.Brief((exception?.GetBaseException().Message ?? context ?? "").ReplaceLineEndings(" "), Longest);
            Console.Error.WriteLine(
                "error: the silo ends, since the others cannot reach it, or have not for a while, or do not believe its certificate; "
                    + $"start it anew ({PlainText.Escape(why)})");
            Environment.Exit(ExitCode.Failed);
        }
    }
}
