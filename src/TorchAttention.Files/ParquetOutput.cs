using Parquet;
using Parquet.Schema;

namespace TorchAttention.Files;

/// <summary>Rows of numbers and text that become a Parquet file: what a column holds is known from its first row.</summary>
/// <param name="stream">Where it goes; left open.</param>
/// <param name="names">The columns.</param>
internal sealed class ParquetOutput(Stream stream, IReadOnlyList<string> names)
{
    // Some megabytes for a handful of columns; readers hold a group at once.
    private const int GroupRows = 1 << 17;

    private readonly List<double>[] _numbers = [.. names.Select(_ => new List<double>())];
    private readonly List<string>[] _texts = [.. names.Select(_ => new List<string>())];
    private ParquetWriter? _writer;
    private DataField[] _fields = [];
    private int _column;
    private int _rows;

    /// <summary>Adds a number to the row.</summary>
    public void Add(double number) => _numbers[_column++].Add(number);

    /// <summary>Adds text to the row.</summary>
    public void Add(string text) => _texts[_column++].Add(text);

    /// <summary>Ends the row.</summary>
    public void End()
    {
        _column = 0;
        if (++_rows == GroupRows)
        {
            WriteGroup();
        }
    }

    /// <summary>Ends the file.</summary>
    public void Finish()
    {
        WriteGroup();
        _writer!.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private void WriteGroup()
    {
        if (_writer is null)
        {
            _fields = [.. names.Select((name, j) => _texts[j].Count > 0
                ? (DataField)new DataField<string>(name, nullable: false) : new DataField<double>(name, nullable: false))];
            _writer = ParquetWriter.CreateAsync(new ParquetSchema(_fields), stream).GetAwaiter().GetResult();
        }

        if (_rows == 0)
        {
            return;
        }

        using ParquetRowGroupWriter group = _writer.CreateRowGroup();
        for (int j = 0; j < _fields.Length; j++)
        {
            Task writing = _texts[j].Count > 0 ? group.WriteAsync(_fields[j], _texts[j])
                : group.WriteAsync<double>(_fields[j], _numbers[j].ToArray());
            writing.GetAwaiter().GetResult();
            _numbers[j].Clear();
            _texts[j].Clear();
        }

        group.CompleteValidate();
        _rows = 0;
    }
}
