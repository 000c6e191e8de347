using System.Buffers;
using System.IO.Pipelines;

namespace TorchAttention.Server.Requests;

/// <summary>A request's body: a short one as a whole, for which no thread has waited; of a long one the stream.</summary>
internal sealed class RequestBody
{
    private const int MostWhole = 1 << 16;
    private const int MostBrief = 1 << 10;

    private readonly PipeReader _reader;

    private RequestBody(PipeReader reader, byte[]? whole)
    {
        _reader = reader;
        Whole = whole;
    }

    /// <summary>All of a short body; null for a long one.</summary>
    public byte[]? Whole { get; }

    /// <summary>Whether it is so short that no answer to it takes long.</summary>
    public bool IsBrief => Whole is { Length: <= MostBrief };

    /// <summary>Reads a short body, and the beginning of a long one.</summary>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> bytes = read.Buffer;
            if (read.IsCompleted && bytes.Length <= MostWhole)
            {
                byte[] whole = bytes.ToArray();
                reader.AdvanceTo(bytes.End);
                return new RequestBody(reader, whole);
            }

            bool isLong = bytes.Length > MostWhole;
            reader.AdvanceTo(bytes.Start, isLong ? bytes.Start : bytes.End);
            if (isLong)
            {
                return new RequestBody(reader, null);
            }
        }
    }

    /// <summary>The bytes, whose reader waits for those of a long body.</summary>
    public Stream Open(CancellationToken cancellationToken) =>
        Whole is not null ? new MemoryStream(Whole, writable: false) : new WaitingStream(_reader.AsStream(), cancellationToken);

    // Reads as the tables do, which know no waiting without a thread; what stops the request stops it.
    private sealed class WaitingStream(Stream inner, CancellationToken cancellationToken) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            ValueTask<int> reading = inner.ReadAsync(buffer.AsMemory(offset, count), cancellationToken);
            return reading.IsCompletedSuccessfully ? reading.Result : reading.AsTask().GetAwaiter().GetResult();
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }
    }
}
