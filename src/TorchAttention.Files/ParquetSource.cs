using System.Buffers;
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

    // Of the columns of numbers; what a block has stays until the next one is asked for.
    private readonly List<double[]> _rented = [];
    private ParquetRowGroupReader? _group;
    private int[] _levels = [];
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
        GiveBack();
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
            TypeCode.Double => Read<double>(field),
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

    public override void Dispose()
    {
        GiveBack();
        _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private void GiveBack()
    {
        _rented.ForEach(values => ArrayPool<double>.Shared.Return(values));
        _rented.Clear();
    }

    private DataField Flat(int place) =>
        _fields[place] is DataField { IsArray: false, MaxRepetitionLevel: 0 } field ? field : throw OtherType(place, "lists or structures");

    private Fields Read<T>(DataField field)
        where T : struct, INumberBase<T>
    {
        double[] numbers = ArrayPool<double>.Shared.Rent(Count);
        _rented.Add(numbers);
        T[] values = numbers as T[] ?? new T[Count];
        Fill(field, values.AsMemory(0, Count), out int[]? levels);
        int there = levels is null ? Count : levels.AsSpan(0, Count).Count(field.MaxDefinitionLevel);

        // From the end, since the values that are there may be in the same array.
        for (int i = Count - 1; i >= 0 && !(levels is null && ReferenceEquals(values, numbers)); i--)
        {
            numbers[i] = levels is null || levels[i] == field.MaxDefinitionLevel ? double.CreateChecked(values[--there]) : double.NaN;
        }

        return new Fields(numbers) { Rows = Count };
    }

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

    // Values that are there stand one after another; the levels say in which rows.
    private TResult[] Spread<T, TResult>(DataField field, Func<T, TResult> convert, TResult missing)
        where T : struct
    {
        var values = new T[Count];
        Fill<T>(field, values, out int[]? levels);
        if (levels is null)
        {
            return Array.ConvertAll(values, value => convert(value));
        }

        var spread = new TResult[Count];
        int at = 0;
        for (int i = 0; i < spread.Length; i++)
        {
            spread[i] = levels[i] == field.MaxDefinitionLevel ? convert(values[at++]) : missing;
        }

        return spread;
    }

    /// <param name="field">The column.</param>
    /// <param name="values">Takes the values that are there.</param>
    /// <param name="levels">Says of each row whether it has one, and stays until the next call; null where all rows have.</param>
    private void Fill<T>(DataField field, Memory<T> values, out int[]? levels)
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

        if (field.MaxDefinitionLevel == 0)
        {
            _group.ReadRawAsync<T>(field, values, null, null).AsTask().GetAwaiter().GetResult();
            levels = null;
            return;
        }

        _levels = _levels.Length >= Count ? _levels : new int[Count];
        Memory<int> here = _levels.AsMemory(0, Count);
        _group.ReadRawAsync<T>(field, values, here, null).AsTask().GetAwaiter().GetResult();
        levels = here.Span.ContainsAnyExcept(field.MaxDefinitionLevel) ? _levels : null;
    }
}
