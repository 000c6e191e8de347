using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Storage;

/// <summary>
/// Rows of a few numbers that wait in a file of 8 bytes a number until they are wanted in order. The file has no name where the system lets
/// it have none: nothing is left of it, whatever ends the process.
/// </summary>
internal sealed class RowSpill : IDisposable
{
    private readonly FileStream _file;
    private readonly double[] _buffer;
    private readonly int _fields;
    private int _filled;

    /// <param name="folder">Where the file is; it exists.</param>
    /// <param name="fields">How many numbers a row has, the first of which rows are ordered by.</param>
    /// <param name="buffered">How many rows wait in memory.</param>
    /// <exception cref="IOException">The folder is missing, or the disk is full.</exception>
    public RowSpill(string folder, int fields, int buffered)
    {
        _fields = fields;
        _buffer = new double[fields * buffered];
        _file = NewFile(folder);
    }

    /// <summary>The number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>A file without a name.</summary>
    /// <param name="folder">Where it is; it exists.</param>
    public static FileStream NewFile(string folder)
    {
        string path = Path.Combine(folder, Path.GetRandomFileName());
        bool hasName = OperatingSystem.IsWindows();
        var file = new FileStream(
            path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, hasName ? FileOptions.DeleteOnClose : FileOptions.None);
        if (!hasName)
        {
            File.Delete(path);
        }

        return file;
    }

    /// <summary>Adds a row.</summary>
    public void Add(ReadOnlySpan<double> row)
    {
        row.CopyTo(_buffer.AsSpan(_filled));
        _filled += _fields;
        Count++;
        if (_filled == _buffer.Length)
        {
            Flush();
        }
    }

    /// <summary>All rows, by their other numbers where the first is the same: the order that they came in decides nothing.</summary>
    public double[] InOrder()
    {
        Flush();
        int rows = checked((int)Count);
        double[] own = new double[checked(rows * _fields)];
        _file.Position = 0;
        _file.ReadExactly(MemoryMarshal.AsBytes(own.AsSpan()));
        double[] keys = new double[rows];
        int[] order = new int[rows];
        for (int i = 0; i < rows; i++)
        {
            (keys[i], order[i]) = (own[i * _fields], i);
        }

        Array.Sort(keys, order);
        var byValues = Comparer<int>.Create((a, b) => Row(a).SequenceCompareTo(Row(b)));
        double[] ordered = new double[own.Length];
        for (int first = 0, end; first < rows; first = end)
        {
            for (end = first + 1; end < rows && keys[end] == keys[first]; end++)
            {
            }

            Array.Sort(order, first, end - first, byValues);
            for (int i = first; i < end; i++)
            {
                Row(order[i]).CopyTo(ordered.AsSpan(i * _fields));
            }
        }

        return ordered;

        ReadOnlySpan<double> Row(int row) => own.AsSpan(row * _fields, _fields);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Flush()
    {
        _file.Write(MemoryMarshal.AsBytes(_buffer.AsSpan(0, _filled)));
        _filled = 0;
    }
}
