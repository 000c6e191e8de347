using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace TorchAttention.Server.Requests;

/// <summary>
/// An answer until it is whole: in memory, and from <see cref="MostInMemory"/> on in a file that nobody else sees. So a wrong row, be it
/// the last one, has an answer of its own, and a client that sends all before it reads blocks nobody.
/// </summary>
internal sealed class AnswerBuffer : TextWriter
{
    private const int MostInMemory = 1 << 20;
    private const int Start = 1 << 12;

    // Three bytes are the most that one of UTF-16's units becomes.
    private const int Longest = 3;

    private readonly Encoder _encoder = new UTF8Encoding(false).GetEncoder();
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(Start);
    private int _length;
    private FileStream? _file;

    public AnswerBuffer()
    {
        CoreNewLine = ['\n'];
    }

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>How many bytes there are.</summary>
    public long Length => _length + (_file?.Length ?? 0);

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        while (!buffer.IsEmpty)
        {
            ReadOnlySpan<char> part = buffer[..Math.Min(buffer.Length, MostInMemory / Longest / 4)];
            Reserve((part.Length + 1) * Longest);
            _length += _encoder.GetBytes(part, _bytes.AsSpan(_length), flush: false);
            buffer = buffer[part.Length..];
        }
    }

    /// <summary>Sends what there is, and holds nothing from there on.</summary>
    public async Task SendAsync(PipeWriter output, CancellationToken cancellationToken)
    {
        if (_file is not null)
        {
            _file.Position = 0;
            await _file.CopyToAsync(output, cancellationToken);
            _file.Dispose();
            _file = null;
        }

        await output.WriteAsync(_bytes.AsMemory(0, _length), cancellationToken);
        _length = 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
        }

        _file?.Dispose();
        base.Dispose(disposing);
    }

    private void Reserve(int more)
    {
        if (_length + more <= _bytes.Length)
        {
            return;
        }

        if (_length + more > MostInMemory)
        {
            _file ??= OpenFile();
            _file.Write(_bytes, 0, _length);
            _length = 0;
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Min(Math.Max(2 * _bytes.Length, _length + more), MostInMemory));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }

    private static FileStream OpenFile()
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.DeleteOnClose,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), options);
    }
}
