using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Storage;

/// <summary>A file of a run as it is read back: whatever became of it meanwhile is one clear line.</summary>
internal static class RunFile
{
    /// <summary>The table of the steps.</summary>
    public const string Steps = "steps.csv";

    /// <summary>The table of the epochs.</summary>
    public const string Epochs = "epochs.csv";

    /// <summary>A name as a field of a table's header, in one line.</summary>
    public static string Field(string name)
    {
        string plain = PlainText.Escape(name);
        return plain.AsSpan().ContainsAny(',', '"') || plain.Trim() != plain
            ? $"\"{plain.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : plain;
    }

    /// <summary>A file's bytes; null where there is none of the name.</summary>
    /// <param name="file">The file.</param>
    /// <param name="most">The most bytes that it may have.</param>
    /// <exception cref="RunException">It cannot be read.</exception>
    public static byte[]? Read(string file, int most = 0x7fff0000)
    {
        using FileStream? stream = Open(file);
        if (stream is null)
        {
            return null;
        }

        if (stream.Length > most)
        {
            throw RunException.Damaged(file, $"at most {most} bytes", $"{stream.Length}");
        }

        try
        {
            byte[] bytes = new byte[stream.Length];
            return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (IOException e)
        {
            throw new RunException(RunProblem.Unreadable, file, e) { Found = SystemReason.Describe(e) };
        }
    }

    /// <summary>Opens a file that may be written to meanwhile; null where there is none of the name.</summary>
    /// <exception cref="RunException">It cannot be read, or is one at which a reader may wait for ever.</exception>
    public static FileStream? Open(string file)
    {
        if (!Path.Exists(file))
        {
            return null;
        }

        if (Directory.Exists(file) || SpecialFile.Is(file))
        {
            throw RunException.Damaged(file, "a file", Directory.Exists(file) ? "a folder" : "a pipe or a device");
        }

        try
        {
            return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            // Removed meanwhile.
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunException(RunProblem.Unreadable, file, e) { Found = SystemReason.Describe(e) };
        }
    }
}
