using System.Globalization;
using System.Numerics;
using Parquet;
using Parquet.Schema;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Files;

/// <summary>A Parquet file, a row group at a time; a column that nobody asks for is not read.</summary>
internal sealed class ParquetSource : TableSource
{
    private static readonly ParquetOptions _options = new() { TreatByteArrayAsString = true };

    private readonly ParquetReader _reader;
    private readonly Field[] _fields;
    private ParquetRowGroupReader? _group;
    private int _next;
    private long _rowsBefore;

    private ParquetSource(string name, ParquetReader reader)
        : base(name)
    {
        _reader = reader;
        _fields = [.. reader.Schema.Fields];
        Header = [.. _fields.Select(field => field.Name)];
    }

    public override IReadOnlyList<string> Header { get; }

    public override int Count => (int)(_group?.RowCount ?? 0);

    public override int Blocks => _reader.RowGroupCount;

    public override void GoTo(int block) => _next = block;

    /// <param name="stream">The file, which is closed with this.</param>
    /// <param name="name">What it is called in messages.</param>
    public static ParquetSource Open(Stream stream, string name) =>
        new(name, ParquetReader.CreateAsync(stream, _options, leaveStreamOpen: false).GetAwaiter().GetResult());

    public override bool Next()
    {
        _rowsBefore += Count;
        _group = null;
        while (Count == 0 && _next < _reader.RowGroupCount)
        {
            _group = _reader.OpenRowGroupReader(_next++);
            if (_group.RowCount < 0 || _group.RowCount > Array.MaxLength)
            {
                throw new TableException(TableProblem.Damaged, Name)
                {
                    Expected = $"row groups of at most {Array.MaxLength} rows",
                    Found = $"one of {_group.RowCount}",
                };
            }
        }

        return Count > 0;
    }

    public override long RowAt(int row) => _rowsBefore + row + 1;

    public override Fields Numbers(int place)
    {
        DataField field = Flat(place);
        return Type.GetTypeCode(field.ClrType) switch
        {
            _ when field is TimeDataField => Fields.OfText(Texts(place)),
            TypeCode.Double => ReadDoubles(field),
            TypeCode.Single => Read<float>(field),
            TypeCode.SByte => Read<sbyte>(field),
            TypeCode.Byte => Read<byte>(field),
            TypeCode.Int16 => Read<short>(field),
            TypeCode.UInt16 => Read<ushort>(field),
            TypeCode.Int32 => Read<int>(field),
            TypeCode.UInt32 => Read<uint>(field),
            TypeCode.Int64 => Read<long>(field),
            TypeCode.UInt64 => Read<ulong>(field),
            TypeCode.Decimal => new Fields(Spread<decimal, double>(field, CellText.ToDouble, double.NaN)),
            TypeCode.Boolean => new Fields(Spread<bool, double>(field, value => value ? 1 : 0, double.NaN)),
            _ => Fields.OfText(Texts(place)),
        };
    }

    public override string?[] Texts(int place)
    {
        DataField field = Flat(place);
        return Type.GetTypeCode(field.ClrType) switch
        {
            TypeCode.Int32 when field is TimeDataField time => Spread<int, string?>(field, value => TimeOf(time, value), null),
            TypeCode.Int64 when field is TimeDataField time => Spread<long, string?>(field, value => TimeOf(time, value), null),
            TypeCode.Double => Format<double>(field),
            TypeCode.Single => Format<float>(field),
            TypeCode.SByte => Format<sbyte>(field),
            TypeCode.Byte => Format<byte>(field),
            TypeCode.Int16 => Format<short>(field),
            TypeCode.UInt16 => Format<ushort>(field),
            TypeCode.Int32 => Format<int>(field),
            TypeCode.UInt32 => Format<uint>(field),
            TypeCode.Int64 => Format<long>(field),
            TypeCode.UInt64 => Format<ulong>(field),
            TypeCode.Decimal => Format<decimal>(field),
            TypeCode.Boolean => Spread<bool, string?>(field, CellText.Format, null),
            TypeCode.DateTime => Spread<DateTime, string?>(field, CellText.Format, null),
            _ when field.ClrType == typeof(ReadOnlyMemory<char>) =>
                Spread<ReadOnlyMemory<char>, string?>(field, text => text.ToString(), null),
            _ when field.ClrType == typeof(DateOnly) => Spread<DateOnly, string?>(field, CellText.Format, null),
            _ when field.ClrType == typeof(Guid) => Spread<Guid, string?>(field, id => id.ToString(), null),
            _ => throw OtherType(place, $"the type {field.ClrType.Name}"),
        };
    }

    public override void Dispose() => _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private DataField Flat(int place) =>
        _fields[place] is DataField { IsArray: false, MaxRepetitionLevel: 0 } field ? field : throw OtherType(place, "lists or structures");

    private Fields ReadDoubles(DataField field)
    {
        double[] values = Raw<double>(field, out int[]? levels);
        return new Fields(levels is null ? values : Spread(field, values, levels, value => value, double.NaN));
    }

    private Fields Read<T>(DataField field)
        where T : struct, INumberBase<T> => new(Spread<T, double>(field, double.CreateChecked, double.NaN));

    // A time of the day is a count since midnight.
    private static string TimeOf(TimeDataField field, long count) => CellText.Format(TimeSpan.FromTicks(field.Precision switch
    {
        TimeUnitPrecision.Millis => count * TimeSpan.TicksPerMillisecond,
        TimeUnitPrecision.Micros => count * TimeSpan.TicksPerMicrosecond,
        _ => count / TimeSpan.NanosecondsPerTick,
    }));

    private string?[] Format<T>(DataField field)
        where T : struct, IFormattable =>
        Spread<T, string?>(field, value => value.ToString(null, CultureInfo.InvariantCulture), null);

    private TResult[] Spread<T, TResult>(DataField field, Func<T, TResult> convert, TResult missing)
        where T : struct
    {
        T[] values = Raw<T>(field, out int[]? levels);
        return levels is null ? Array.ConvertAll(values, value => convert(value)) : Spread(field, values, levels, convert, missing);
    }

    // Values that are there stand one after another; the levels say in which rows.
    private static TResult[] Spread<T, TResult>(
        DataField field, T[] values, int[] levels, Func<T, TResult> convert, TResult missing)
    {
        var spread = new TResult[levels.Length];
        int at = 0;
        for (int i = 0; i < levels.Length; i++)
        {
            spread[i] = levels[i] == field.MaxDefinitionLevel ? convert(values[at++]) : missing;
        }

        return spread;
    }

    private T[] Raw<T>(DataField field, out int[]? levels)
        where T : struct
    {
        Parquet.Meta.ColumnMetaData? said = _group!.GetMetadata(field)?.MetaData;
        if (said?.NumValues != Count)
        {
            throw new InvalidDataException($"a column of {said?.NumValues} values in {Count} rows");
        }

        // Parquet.Net takes the old framing of LZ4, given up in 2021, for the one in its place, and gives other numbers without a word.
        if (said.Codec == Parquet.Meta.CompressionCodec.LZ4)
        {
            throw new TableException(TableProblem.Unusable, Name)
            {
                Column = field.Name,
                Expected = "a compression that is known",
                Found = "the old form of LZ4; write it as LZ4_RAW, Zstandard or Snappy",
            };
        }

        var values = new T[Count];
        levels = field.MaxDefinitionLevel > 0 ? new int[Count] : null;
        Memory<int>? definition = levels?.AsMemory();
        _group.ReadRawAsync<T>(field, values, definition, null).AsTask().GetAwaiter().GetResult();
        return values;
    }
}
