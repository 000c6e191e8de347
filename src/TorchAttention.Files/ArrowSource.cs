using System.Globalization;
using System.Numerics;
using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>A file or a stream of Arrow's IPC format, which Feather's second version is too, a record batch at a time.</summary>
internal sealed class ArrowSource : TableSource
{
    private static readonly byte[] _fileMark = "ARROW1"u8.ToArray();
    private static readonly byte[] _firstFeather = "FEA1"u8.ToArray();

    private readonly ArrowStreamReader _reader;
    private RecordBatch? _batch;
    private int? _block;
    private long _rowsBefore;

    private ArrowSource(string name, ArrowStreamReader reader)
        : base(name)
    {
        _reader = reader;
        Header = [.. reader.Schema.FieldsList.Select(field => field.Name)];
    }

    public override IReadOnlyList<string> Header { get; }

    public override int Count => _batch?.Length ?? 0;

    public override int Blocks => _reader is ArrowFileReader file ? file.RecordBatchCountAsync().AsTask().GetAwaiter().GetResult() : 0;

    public override void GoTo(int block) => _block = block;

    /// <param name="stream">The file, which is closed with this.</param>
    /// <param name="name">What it is called in messages.</param>
    public static ArrowSource Open(Stream stream, string name)
    {
        byte[] start = new byte[_fileMark.Length];
        int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        if (start.AsSpan(0, length).StartsWith(_firstFeather))
        {
            throw new TableException(TableProblem.Damaged, name)
            {
                Expected = "an Arrow file or the second version of Feather",
                Found = "the first version of Feather",
            };
        }

        var codecs = new CompressionCodecFactory();
        bool isFile = start.AsSpan().SequenceEqual(_fileMark);
        return new ArrowSource(name, isFile ? new ArrowFileReader(stream, codecs) : new ArrowStreamReader(stream, codecs));
    }

    public override bool Next()
    {
        _rowsBefore += Count;
        do
        {
            _batch?.Dispose();
            _batch = _block is int block && _reader is ArrowFileReader file
                ? file.ReadRecordBatchAsync(block).AsTask().GetAwaiter().GetResult() : _reader.ReadNextRecordBatch();
            _block = null;
        }
        while (_batch is { Length: 0 });
        return _batch is not null;
    }

    public override long RowAt(int row) => _rowsBefore + row + 1;

    public override Fields Numbers(int place) => Numbers(Column(place), place);

    public override string?[] Texts(int place) => Texts(Column(place), place);

    public override void Dispose()
    {
        _batch?.Dispose();
        _reader.Dispose();
    }

    // Asked before anything as long as that is made.
    private IArrowArray Column(int place) => _batch!.Column(place) is var column && column.Length == Count ? column
        : throw new InvalidDataException($"a column of {column.Length} values in {Count} rows");

    private Fields Numbers(IArrowArray column, int place) => column switch
    {
        DoubleArray numbers => Convert(numbers),
        FloatArray numbers => Convert(numbers),
        HalfFloatArray numbers => Convert(numbers),
        Int8Array numbers => Convert(numbers),
        UInt8Array numbers => Convert(numbers),
        Int16Array numbers => Convert(numbers),
        UInt16Array numbers => Convert(numbers),
        Int32Array numbers => Convert(numbers),
        UInt32Array numbers => Convert(numbers),
        Int64Array numbers => Convert(numbers),
        UInt64Array numbers => Convert(numbers),
        BooleanArray values => new Fields(Each(values, i => values.GetValue(i) is bool value ? (value ? 1 : 0) : double.NaN)),
        Decimal32Array or Decimal64Array or Decimal128Array or Decimal256Array => new Fields(System.Array.ConvertAll(
            Texts(column, place), text => text is null ? double.NaN : double.Parse(text, CultureInfo.InvariantCulture))),
        DictionaryArray dictionary => OfDictionary(dictionary, Numbers(dictionary.Dictionary, place)),
        _ => Fields.OfText(Texts(column, place)),
    };

    private string?[] Texts(IArrowArray column, int place) => column switch
    {
        StringArray texts => Each(texts, i => ArrowText.Read(texts, i)),
        LargeStringArray texts => Each(texts, i => ArrowText.Read(texts, i)),
        StringViewArray texts => Each(texts, i => ArrowText.Read(texts, i)),
        DictionaryArray dictionary => OfDictionary(dictionary, Texts(dictionary.Dictionary, place), null),
        BooleanArray values => Each(values, i => values.GetValue(i) is bool value ? CellText.Format(value) : null),
        DoubleArray numbers => Format(numbers),
        FloatArray numbers => Format(numbers),
        HalfFloatArray numbers => Format(numbers),
        Int8Array numbers => Format(numbers),
        UInt8Array numbers => Format(numbers),
        Int16Array numbers => Format(numbers),
        UInt16Array numbers => Format(numbers),
        Int32Array numbers => Format(numbers),
        UInt32Array numbers => Format(numbers),
        Int64Array numbers => Format(numbers),
        UInt64Array numbers => Format(numbers),
        Decimal32Array numbers => Each(numbers, i => numbers.GetString(i)),
        Decimal64Array numbers => Each(numbers, i => numbers.GetString(i)),
        Decimal128Array numbers => Each(numbers, i => numbers.GetString(i)),
        Decimal256Array numbers => Each(numbers, i => numbers.GetString(i)),
        Date32Array dates => Each(dates, i => dates.GetDateTime(i) is DateTime date ? CellText.Format(date) : null),
        Date64Array dates => Each(dates, i => dates.GetDateTime(i) is DateTime date ? CellText.Format(date) : null),
        TimestampArray times => Each(times, i => times.GetTimestamp(i) is DateTimeOffset time ? CellText.Format(time.UtcDateTime) : null),
        Time32Array times => Each(times, i => times.GetTime(i) is TimeOnly time ? CellText.Format(time) : null),
        Time64Array times => Each(times, i => times.GetTime(i) is TimeOnly time ? CellText.Format(time) : null),
        DurationArray durations => Each(durations, i => durations.GetTimeSpan(i) is TimeSpan time ? CellText.Format(time) : null),
        NullArray => new string?[column.Length],
        _ => throw OtherType(place, $"the type {column.Data.DataType.Name}"),
    };

    private static Fields Convert<T>(PrimitiveArray<T> column)
        where T : struct, INumberBase<T>
    {
        ReadOnlySpan<T> numbers = column.Values;
        double[] values = new double[numbers.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = double.CreateChecked(numbers[i]);
        }

        for (int i = 0; column.NullCount > 0 && i < values.Length; i++)
        {
            values[i] = column.IsValid(i) ? values[i] : double.NaN;
        }

        return new Fields(values);
    }

    private static string?[] Format<T>(PrimitiveArray<T> column)
        where T : struct, INumberBase<T> =>
        Each(column, i => column.IsValid(i) ? column.Values[i].ToString(null, CultureInfo.InvariantCulture) : null);

    private static T[] Each<T>(IArrowArray column, Func<int, T> value)
    {
        var values = new T[column.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = value(i);
        }

        return values;
    }

    private Fields OfDictionary(DictionaryArray column, Fields entries) => new(
        OfDictionary(column, entries.Values, double.NaN),
        entries.Texts is null ? null : OfDictionary(column, entries.Texts, null));

    private T[] OfDictionary<T>(DictionaryArray column, T[] entries, T missing)
    {
        double[] indices = Numbers(column.Indices, 0).Values;
        return System.Array.ConvertAll(indices, index => double.IsNaN(index) ? missing : entries[(int)index]);
    }
}
