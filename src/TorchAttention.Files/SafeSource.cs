using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>A source whose failures are all told in one way: what a library throws at a damaged file is nobody's contract.</summary>
internal sealed class SafeSource : TableSource
{
    private readonly TableSource _inner;
    private readonly string _format;
    private readonly Stream _stream;

    private SafeSource(TableSource inner, Stream stream, string format)
        : base(inner.Name)
    {
        (_inner, _stream, _format) = (inner, stream, format);
    }

    public override IReadOnlyList<string> Header => _inner.Header;

    public override int? HeaderRow => _inner.HeaderRow;

    public override int Count => _inner.Count;

    public override int Blocks => Try(() => _inner.Blocks);

    // The columns of a block stand one after the other, the last ones to be read at its end.
    public override long BytesRead => _stream.Position;

    public override void GoTo(int block) => _inner.GoTo(block);

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">What it should be, as part of a sentence.</param>
    /// <param name="open">Opens the stream, given what it is called in messages.</param>
    /// <param name="options">What becomes of missing numbers.</param>
    public static ColumnRows Open(string path, string format, Func<Stream, string, TableSource> open, CsvOptions options)
    {
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (!stream.CanSeek)
            {
                throw new TableException(TableProblem.Unreadable, path) { Found = $"it is a pipe, and {format} is read at any place" };
            }

            if (stream.Length == 0)
            {
                throw new TableException(TableProblem.Empty, path) { Expected = format, Found = "an empty file" };
            }

            TableSource source = open(stream, path);
            if (source.Header.Count == 0)
            {
                source.Dispose();
                throw new TableException(TableProblem.Empty, path) { Expected = "columns", Found = "none" };
            }

            return new ColumnRows(new SafeSource(source, stream, format), options);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            throw Explained(e, path, format);
        }
    }

    public override bool Next() => Try(_inner.Next);

    public override long RowAt(int row) => _inner.RowAt(row);

    public override Fields Numbers(int place) => Try(() => Whole(_inner.Numbers(place), fields => fields.Rows));

    public override string?[] Texts(int place) => Try(() => Whole(_inner.Texts(place), texts => texts.Length));

    public override void Dispose() => _inner.Dispose();

    private T Whole<T>(T column, Func<T, int> length) =>
        length(column) == Count ? column : throw new InvalidDataException($"a column of {length(column)} values in {Count} rows");

    private T Try<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e)
        {
            throw Explained(e, Name, _format);
        }
    }

    private static Exception Explained(Exception e, string name, string format) => e switch
    {
        TableException => e,
        FileNotFoundException or DirectoryNotFoundException => new TableException(TableProblem.NoFile, name, e),
        UnauthorizedAccessException => new TableException(TableProblem.Unreadable, name, e) { Found = SystemReason.Describe(e) },
        OutOfMemoryException => new TableException(TableProblem.Unreadable, name, e)
        {
            Found = "a part of it that is read at once is larger than this machine's memory",
        },

        // The system's own failures have its numbers; all else is a library's word for bytes that it does not understand.
        IOException { HResult: > 0 } => new TableException(TableProblem.Unreadable, name, e) { Found = SystemReason.Describe(e) },
        NotSupportedException or NotImplementedException => new TableException(TableProblem.Damaged, name, e)
        {
            Expected = format,
            Found = $"one with parts that cannot be read here ({PlainText.Brief(e.GetBaseException().Message, 100).TrimEnd('.')})",
        },
        _ => new TableException(TableProblem.Damaged, name, e)
        {
            Expected = format,
            Found = $"other or damaged content ({PlainText.Brief(e.GetBaseException().Message, 100).TrimEnd('.')})",
        },
    };
}
