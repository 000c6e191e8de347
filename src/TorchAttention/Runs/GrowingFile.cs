using System.Text;

namespace TorchAttention.Runs;

/// <summary>
/// A text file that grows by whole lines while a training goes on, so that it can be read meanwhile and says what was done whatever ends
/// the process.
/// </summary>
/// <remarks>Lines that the disk has no room for are kept, and tried again with those after them.</remarks>
internal sealed class GrowingFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _file;
    private readonly MemoryStream _waiting = new();

    /// <param name="path">The file; made where it does not exist.</param>
    /// <param name="header">Its first line.</param>
    /// <param name="stays">Which lines of an existing file stay; the others, and a last one that was cut short, are taken out.</param>
    public GrowingFile(string path, string header, Func<string, bool> stays)
    {
        _path = path;

        // What is no file is refused before it is opened to be written, which a pipe would wait at.
        RunFile.Open(path)?.Dispose();
        WholeFile.WriteText(path, writer =>
        {
            writer.WriteLine(header);
            foreach (string line in Read().Where(stays))
            {
                writer.WriteLine(line);
            }
        });
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    }

    /// <summary>
    /// The lines that are written, without the header, one at a time: after millions of steps they are more than memory holds.
    /// </summary>
    public IEnumerable<string> Read() => WholeLines(_path).Skip(1);

    /// <summary>Adds a line; it is in the file after the next <see cref="Flush"/>.</summary>
    public void Add(string line)
    {
        Span<byte> bytes = stackalloc byte[512];
        if (!Encoding.UTF8.TryGetBytes(line, bytes, out int count))
        {
            _waiting.Write(Encoding.UTF8.GetBytes(line));
            count = 0;
        }

        _waiting.Write(bytes[..count]);
        _waiting.WriteByte((byte)'\n');
    }

    /// <summary>Writes the lines that wait.</summary>
    /// <exception cref="IOException">They could not be written; they wait on.</exception>
    public void Flush()
    {
        long length = _file.Length;
        try
        {
            _file.Write(_waiting.GetBuffer(), 0, (int)_waiting.Length);
            _waiting.SetLength(0);
        }
        catch (IOException e)
        {
            _file.SetLength(length);
            throw new IOException($"'{_path}' cannot be written ({SystemReason.Describe(e)})", e);
        }
    }

    /// <summary>Waits until what was written is on the disk.</summary>
    public void Sync() => _file.Flush(flushToDisk: true);

    public void Dispose() => _file.Dispose();

    private static IEnumerable<string> WholeLines(string path)
    {
        using FileStream? file = RunFile.Open(path);
        if (file is null)
        {
            yield break;
        }

        file.Seek(-Math.Min(1, file.Length), SeekOrigin.End);
        bool isWhole = file.ReadByte() == '\n';
        file.Seek(0, SeekOrigin.Begin);
        using var reader = new StreamReader(file);
        for (string? line = reader.ReadLine(), next; line is not null; line = next)
        {
            next = reader.ReadLine();
            if (next is not null || isWhole)
            {
                yield return line;
            }
        }
    }
}
