using System.Buffers.Binary;
using System.Text;
using Apache.Arrow;

namespace TorchAttention.Files;

/// <summary>
/// The texts of Arrow's columns, every place checked: the library trusts those in the file, and would read memory that is not its own.
/// </summary>
internal static class ArrowText
{
    // A view is a length and, of a short text, its bytes; else four of them, a buffer and a place in it.
    private const int ViewLength = 16;
    private const int LongestInView = 12;
    private const int TextPlace = 4;
    private const int BufferPlace = 8;

    // The first two buffers of views are the gaps and the views.
    private const int FirstText = 2;

    public static string? Read(StringArray texts, int row) => texts.IsNull(row) ? null
        : Text(texts.ValueBuffer.Span, texts.ValueOffsets[row], texts.ValueOffsets[row + 1]);

    public static string? Read(LargeStringArray texts, int row) => texts.IsNull(row) ? null
        : Text(texts.ValueBuffer.Span, texts.ValueOffsets[row], texts.ValueOffsets[row + 1]);

    public static string? Read(StringViewArray texts, int row)
    {
        if (texts.IsNull(row))
        {
            return null;
        }

        ReadOnlySpan<byte> view = texts.Data.Buffers[1].Span.Slice((texts.Offset + row) * ViewLength, ViewLength);
        int length = BinaryPrimitives.ReadInt32LittleEndian(view);
        if (length <= LongestInView)
        {
            return Text(view, TextPlace, TextPlace + length);
        }

        int buffer = BinaryPrimitives.ReadInt32LittleEndian(view[BufferPlace..]);
        int start = BinaryPrimitives.ReadInt32LittleEndian(view[(BufferPlace + sizeof(int))..]);
        return buffer >= 0 ? Text(texts.Data.Buffers[FirstText + buffer].Span, start, (long)start + length)
            : throw new InvalidDataException("a text in no buffer");
    }

    private static string Text(ReadOnlySpan<byte> bytes, long start, long end) =>
        start >= 0 && start <= end && end <= bytes.Length ? Encoding.UTF8.GetString(bytes[(int)start..(int)end])
            : throw new InvalidDataException("a text beyond its buffer");
}
