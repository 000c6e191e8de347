namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Writes files that other programs see whole or not at all: beside the target first, then renamed over it. A link's target is replaced, not the link; a file keeps its
/// permissions; a device or a pipe is written to.
/// </summary>
public static class WholeFile
{
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

        string beside = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(beside, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                if (durable)
                {
                    stream.Flush(flushToDisk: true);
                }
            }

            if (!OperatingSystem.IsWindows() && File.Exists(full))
            {
                File.SetUnixFileMode(beside, File.GetUnixFileMode(full));
            }

            File.Move(beside, full, overwrite: true);
        }
        catch (Exception e)
        {
            // Deleting in a folder that does not exist is an error of its own.
            if (File.Exists(beside))
            {
                File.Delete(beside);
            }

            if (e is IOException or UnauthorizedAccessException)
            {
                throw Named(path, e);
            }

            throw;
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

    // The system would name the file beside, which nobody knows of.
    private static Exception Named(string path, Exception e)
    {
        string message = $"'{PlainText.Of(path)}' cannot be written ({SystemReason.Of(e)})";
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
