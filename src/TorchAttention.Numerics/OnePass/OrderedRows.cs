using System.Runtime.InteropServices;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Rows in the order of their keys, however many: in a file of 8 bytes a number, ordered a part at a time, so that memory does not grow
/// with them. <see cref="OrderedRegression"/> goes over them.
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
    private readonly RowSpill[] _parts;
    private readonly Dictionary<string, int> _classes = new(StringComparer.Ordinal);
    private FileStream? _ordered;
    private Compensated _total;

    /// <summary>No rows yet.</summary>
    /// <param name="folder">Where the files are, which are deleted with this; it exists.</param>
    /// <param name="someKeys">Keys of some rows, from many places of all of them.</param>
    /// <param name="rows">How many rows there are in all, roughly.</param>
    /// <param name="columns">v, the number of columns of values; 1 for classes.</param>
    /// <param name="hasWeights">Whether rows have weights.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no column.</exception>
    /// <exception cref="IOException">The folder is missing, or the disk is full.</exception>
    public OrderedRows(string folder, ReadOnlySpan<double> someKeys, long rows, int columns = 1, bool hasWeights = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        _folder = folder;
        (Columns, HasWeights) = (columns, hasWeights);
        double[] keys = someKeys.ToArray();
        Array.Sort(keys);
        long parts = Math.Min(Math.Max(1, rows / RowsOfPart), Math.Max(1, keys.Length));
        _ends = [.. Enumerable.Range(1, (int)parts - 1).Select(part => keys[part * (long)keys.Length / parts]).Distinct()];
        _parts = [.. Enumerable.Range(0, _ends.Length + 1).Select(_ => new RowSpill(folder, Fields, RowsOfBuffer))];
    }

    /// <summary>n, the number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>v, the number of columns of values; 1 for classes.</summary>
    public int Columns { get; }

    /// <summary>Whether rows have weights.</summary>
    public bool HasWeights { get; }

    /// <summary>The names of the classes that rows have, in their order; none for values.</summary>
    public IReadOnlyList<string> Classes => [.. _classes.Keys.Order(StringComparer.Ordinal)];

    /// <summary>What all rows weigh.</summary>
    internal double TotalWeight => _total.Sum;

    private int Fields => 1 + Columns + (HasWeights ? 1 : 0);

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="y">Values (n, v), row by row.</param>
    /// <param name="weights">Weights (n), not negative, where rows have them; a row of weight 0 is none.</param>
    /// <exception cref="ArgumentException">
    /// Lengths that differ, a number that is not finite, or a negative weight; rows before it were added.
    /// </exception>
    /// <exception cref="InvalidOperationException">Rows were read already.</exception>
    /// <exception cref="IOException">The disk is full.</exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        if (y.Length != (long)x.Length * Columns)
        {
            throw new ArgumentException($"Expected {Columns} values for each of {x.Length} keys, got {y.Length} in all.", nameof(y));
        }

        if (weights.Length != (HasWeights ? x.Length : 0))
        {
            throw new ArgumentException(
                $"Expected {(HasWeights ? x.Length : 0)} weights for {x.Length} keys, got {weights.Length}.", nameof(weights));
        }

        if (_ordered is not null)
        {
            throw new InvalidOperationException("Expected no more rows once they are in order.");
        }

        Span<double> row = stackalloc double[Fields];
        for (int i = 0; i < x.Length; i++)
        {
            row[0] = x[i];
            y.Slice(i * Columns, Columns).CopyTo(row[1..]);
            if (HasWeights)
            {
                row[^1] = weights[i];
            }

            foreach (double number in row)
            {
                if (!double.IsFinite(number))
                {
                    throw new ArgumentException($"Expected finite keys, values and weights, got {number} at row {i}.", nameof(x));
                }
            }

            if (HasWeights && !(weights[i] > 0))
            {
                _ = weights[i] == 0 ? 0
                    : throw new ArgumentException($"Expected weights from 0, got {weights[i]} at row {i}.", nameof(weights));
                continue;
            }

            int at = Array.BinarySearch(_ends, x[i]);
            _parts[at < 0 ? ~at : at + 1].Add(row);
            _total.Add(HasWeights ? weights[i] : 1);
            Count++;
        }
    }

    /// <summary>Adds rows of classes. A class may be new.</summary>
    /// <param name="x">Keys (n).</param>
    /// <param name="labels">The name of the class of each (n).</param>
    /// <param name="weights">Weights (n), not negative, where rows have them; a row of weight 0 is none.</param>
    /// <inheritdoc cref="Add" path="/exception"/>
    public void AddClasses(ReadOnlySpan<double> x, IReadOnlyList<string> labels, ReadOnlySpan<double> weights = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        double[] places = new double[labels.Count];
        for (int i = 0; i < places.Length; i++)
        {
            if (!_classes.TryGetValue(labels[i], out int place))
            {
                place = _classes.Count;
                _classes.Add(labels[i], place);
            }

            places[i] = place;
        }

        Add(x, places, weights);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.ForEach(_parts, part => part.Dispose());
        _ordered?.Dispose();
    }

    /// <summary>Puts all rows in order, where that is not done yet.</summary>
    internal void Order(CancellationToken cancellationToken)
    {
        if (_ordered is not null)
        {
            return;
        }

        FileStream ordered = RowSpill.NewFile(_folder);
        foreach (RowSpill part in _parts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ordered.Write(MemoryMarshal.AsBytes<double>(part.InOrder()));
            part.Dispose();
        }

        ordered.Flush();
        _ordered = ordered;
    }

    /// <summary>So many rows from a place on, in the order of their keys.</summary>
    /// <param name="first">The place.</param>
    /// <param name="count">How many.</param>
    /// <returns>Keys (n); values (n, v), of classes 1 and 0 (n, classes); weights of mean 1 over all rows, or none.</returns>
    internal (double[] Keys, double[] Values, double[] Weights) Read(long first, int count)
    {
        int[] placeOf = _classes.Count == 0 ? [] : new int[_classes.Count];
        foreach ((int place, string name) in Classes.Index())
        {
            placeOf[_classes[name]] = place;
        }

        int columns = Math.Max(Columns, placeOf.Length);
        double[] keys = new double[count];
        double[] values = new double[checked(count * columns)];
        double[] weights = HasWeights ? new double[count] : [];
        double unit = Count / TotalWeight;
        double[] rows = new double[Fields * Math.Min(count, RowsOfBuffer)];
        for (int done = 0; done < count; done += RowsOfBuffer)
        {
            int some = Math.Min(RowsOfBuffer, count - done);
            Read(first + done, rows.AsSpan(0, Fields * some));
            for (int i = 0; i < some; i++)
            {
                ReadOnlySpan<double> row = rows.AsSpan(i * Fields, Fields);
                int at = done + i;
                keys[at] = row[0];
                if (placeOf.Length > 0)
                {
                    values[(at * columns) + placeOf[(int)row[1]]] = 1;
                }
                else
                {
                    row.Slice(1, columns).CopyTo(values.AsSpan(at * columns));
                }

                if (HasWeights)
                {
                    weights[at] = row[^1] * unit;
                }
            }
        }

        return (keys, values, weights);
    }

    /// <summary>The key at a place.</summary>
    internal double KeyAt(long place)
    {
        Span<double> row = stackalloc double[Fields];
        Read(place, row);
        return row[0];
    }

    private void Read(long place, Span<double> rows)
    {
        _ordered!.Position = place * Fields * sizeof(double);
        _ordered.ReadExactly(MemoryMarshal.AsBytes(rows));
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
}
