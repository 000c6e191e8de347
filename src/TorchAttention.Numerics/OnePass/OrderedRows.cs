using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Rows in the order of their keys, however many: in a file of 16 bytes a row, ordered a part at a time, so that memory does not grow with
/// them. <see cref="OrderedRegression"/> goes over them.
/// </summary>
/// <remarks>
/// Rows are parted by the keys of some of them; a part is some millions of rows, more only where that many have one key. Not for several
/// threads at once.
/// </remarks>
public sealed class OrderedRows : IDisposable
{
    // In memory while it is put in order.
    private const long RowsOfPart = 1 << 21;
    private const int RowsOfBuffer = 1 << 12;

    private readonly string _folder;
    private readonly double[] _ends;
    private readonly Part[] _parts;
    private FileStream? _ordered;

    /// <summary>No rows yet.</summary>
    /// <param name="folder">Where the files are, which are deleted with this; it exists.</param>
    /// <param name="someKeys">Keys of some rows, from many places of all of them.</param>
    /// <param name="rows">How many rows there are in all, roughly.</param>
    /// <exception cref="IOException">The folder is missing, or the disk is full.</exception>
    public OrderedRows(string folder, ReadOnlySpan<double> someKeys, long rows)
    {
        _folder = folder;
        double[] keys = someKeys.ToArray();
        Array.Sort(keys);
        long parts = Math.Min(Math.Max(1, rows / RowsOfPart), Math.Max(1, keys.Length));
        _ends = [.. Enumerable.Range(1, (int)parts - 1).Select(part => keys[part * (long)keys.Length / parts]).Distinct()];
        _parts = [.. Enumerable.Range(0, _ends.Length + 1).Select(_ => new Part(NewFile()))];
    }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys.</param>
    /// <param name="y">Values, one for each key.</param>
    /// <exception cref="ArgumentException">Lengths that differ, or a number that is not finite; rows before it were added.</exception>
    /// <exception cref="InvalidOperationException">Rows were read already.</exception>
    /// <exception cref="IOException">The disk is full.</exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        if (x.Length != y.Length)
        {
            throw new ArgumentException($"Expected as many values as keys, {x.Length}, got {y.Length}.", nameof(y));
        }

        if (_ordered is not null)
        {
            throw new InvalidOperationException("Expected no more rows once they are in order.");
        }

        for (int i = 0; i < x.Length; i++)
        {
            if (!double.IsFinite(x[i]) || !double.IsFinite(y[i]))
            {
                throw new ArgumentException($"Expected finite keys and values, got {x[i]} and {y[i]} at row {i}.", nameof(x));
            }

            int at = Array.BinarySearch(_ends, x[i]);
            _parts[at < 0 ? ~at : at + 1].Add(x[i], y[i]);
        }

        Count += x.Length;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Part part in _parts)
        {
            part.File.Dispose();
        }

        _ordered?.Dispose();
    }

    /// <summary>Puts all rows in order, where that is not done yet.</summary>
    internal void Order(CancellationToken cancellationToken)
    {
        if (_ordered is not null)
        {
            return;
        }

        FileStream ordered = NewFile();
        foreach (Part part in _parts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            (double[] keys, double[] values) = part.InOrder();
            for (int first = 0; first < keys.Length; first += RowsOfBuffer)
            {
                int count = Math.Min(RowsOfBuffer, keys.Length - first);
                double[] rows = new double[2 * count];
                for (int i = 0; i < count; i++)
                {
                    (rows[2 * i], rows[(2 * i) + 1]) = (keys[first + i], values[first + i]);
                }

                ordered.Write(MemoryMarshal.AsBytes<double>(rows));
            }

            part.File.Dispose();
        }

        ordered.Flush();
        _ordered = ordered;
    }

    /// <summary>The rows from a place on.</summary>
    internal void Read(long first, Span<double> keys, Span<double> values)
    {
        double[] rows = new double[2 * Math.Min(keys.Length, RowsOfBuffer)];
        for (int done = 0; done < keys.Length; done += RowsOfBuffer)
        {
            int count = Math.Min(RowsOfBuffer, keys.Length - done);
            _ordered!.Position = (first + done) * 2 * sizeof(double);
            _ordered.ReadExactly(MemoryMarshal.AsBytes(rows.AsSpan(0, 2 * count)));
            for (int i = 0; i < count; i++)
            {
                (keys[done + i], values[done + i]) = (rows[2 * i], rows[(2 * i) + 1]);
            }
        }
    }

    /// <summary>The key at a place.</summary>
    internal double KeyAt(long place)
    {
        double[] key = new double[1];
        Read(place, key, new double[1]);
        return key[0];
    }

    /// <summary>The first place of those between two whose key is at least, or above, a number.</summary>
    internal long FirstFrom(double key, long low, long high, bool isAbove = false)
    {
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            double at = KeyAt(middle);
            (low, high) = (isAbove ? at > key : at >= key) ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    // Without a name where the system lets it have none: nothing is left of it, whatever ends the process.
    private FileStream NewFile()
    {
        string path = Path.Combine(_folder, Path.GetRandomFileName());
        bool hasName = OperatingSystem.IsWindows();
        var file = new FileStream(
            path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, hasName ? FileOptions.DeleteOnClose : FileOptions.None);
        if (!hasName)
        {
            File.Delete(path);
        }

        return file;
    }

    /// <summary>Rows between two keys.</summary>
    private sealed class Part(FileStream file)
    {
        private readonly double[] _buffer = new double[2 * RowsOfBuffer];
        private int _filled;

        public FileStream File => file;

        public void Add(double x, double y)
        {
            (_buffer[_filled], _buffer[_filled + 1]) = (x, y);
            _filled += 2;
            if (_filled == _buffer.Length)
            {
                Flush();
            }
        }

        // By the values where keys are the same: the order that rows came in decides nothing.
        public (double[] Keys, double[] Values) InOrder()
        {
            Flush();
            int rows = checked((int)(file.Position / (2 * sizeof(double))));
            (double X, double Y)[] own = new (double X, double Y)[rows];
            file.Position = 0;
            file.ReadExactly(MemoryMarshal.AsBytes(own.AsSpan()));
            double[] keys = [.. own.Select(row => row.X)];
            double[] values = [.. own.Select(row => row.Y)];
            Array.Sort(keys, values);
            for (int first = 0, end; first < rows; first = end)
            {
                for (end = first + 1; end < rows && keys[end] == keys[first]; end++)
                {
                }

                Array.Sort(values, first, end - first);
            }

            return (keys, values);
        }

        private void Flush()
        {
            file.Write(MemoryMarshal.AsBytes(_buffer.AsSpan(0, _filled)));
            _filled = 0;
        }
    }
}
