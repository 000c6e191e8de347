namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Writes files that other programs see whole or not at all: beside the target first, then renamed over it. A link's target is replaced,
/// not the link; a file keeps its permissions; a device or a pipe is written to. What a writer that was killed has left beside a target,
/// the next deletes.
/// </summary>
public static class WholeFile
{
    private const string Ending = ".tmp";

    /// <summary>Writes a file through a stream.</summary>
    /// <param name="path">The target; replaced where it exists.</param>
    /// <param name="write">Writes the content; where it throws, the target stays as it was.</param>
    /// <param name="durable">Whether to wait until the content is on the disk, so that it outlasts a loss of power.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static void Write(string path, Action<Stream> write, bool durable = false)
    {
        ArgumentNullException.ThrowIfNull(write);
        string full = Target(path);
        if (SpecialFile.Is(full))
        {
            WriteInto(path, full, write);
            return;
        }

        FileStream? stream = null;
        try
        {
            Sweep(full);
            stream = Begin(full);
            write(stream);
            stream.Flush(flushToDisk: durable);
            if (!OperatingSystem.IsWindows() && File.Exists(full))
            {
                File.SetUnixFileMode(stream.Name, File.GetUnixFileMode(full));
            }

            File.Move(stream.Name, full, overwrite: true);
            stream.Dispose();
        }
        catch (Exception e)
        {
            Abandon(stream);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw Named(path, e);
            }

            throw;
        }
    }

    // A file beside is locked while its writer lives, and has its name until it has the target's. The writer of the same target that comes
    // next may find it before it is locked, and take it for one that is left over.
    private static FileStream Begin(string full)
    {
        while (true)
        {
            string beside = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}{Ending}");
            try
            {
                var stream = new FileStream(beside, FileMode.CreateNew, FileAccess.Write, FileShare.Delete);
                if (File.Exists(beside))
                {
                    return stream;
                }

                stream.Dispose();
            }
            catch (IOException e) when (SystemReason.IsInUse(e))
            {
            }
        }
    }

    private static void Abandon(FileStream? stream)
    {
        try
        {
            stream?.Dispose();
        }
        catch (IOException)
        {
            // What it could not write any more is deleted.
        }

        if (stream is not null && File.Exists(stream.Name))
        {
            File.Delete(stream.Name);
        }
    }

    // Deletes what writers of a target that were killed have left beside it. What belongs to a writer that lives, or cannot be deleted,
    // keeps nobody from a file of their own.
    private static void Sweep(string full)
    {
        string beginning = $".{Path.GetFileName(full)}.";
        try
        {
            foreach (string beside in Directory.EnumerateFiles(Path.GetDirectoryName(full)!, $".*{Ending}"))
            {
                string name = Path.GetFileName(beside);
                bool isLeft = name.StartsWith(beginning, StringComparison.Ordinal)
                    && Guid.TryParseExact(name.AsSpan(beginning.Length..^Ending.Length), "N", out _)
                    && !SpecialFile.Is(beside);
                if (isLeft)
                {
                    DeleteUnlocked(beside);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static void DeleteUnlocked(string file)
    {
        try
        {
            new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static void WriteInto(string path, string full, Action<Stream> write)
    {
        try
        {
            using var stream = new FileStream(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            write(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Named(path, e);
        }
    }

    private static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        return new FileInfo(full).LinkTarget is null ? full : File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName;
    }

    /// <summary>An error that names a target: the system would name what is written beside it, which nobody knows of.</summary>
    internal static Exception Named(string path, Exception e)
    {
        string message = $"'{PlainText.Escape(path)}' cannot be written ({SystemReason.Describe(e)})";
        return e is IOException ? new IOException(message, e) : new UnauthorizedAccessException(message, e);
    }

    /// <summary>Writes text as UTF-8 without a byte-order mark.</summary>
    /// <param name="path">The target; replaced where it exists.</param>
    /// <param name="write">Writes the text; where it throws, the target stays as it was.</param>
    public static void WriteText(string path, Action<TextWriter> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            write(writer);
        });
    }
}
