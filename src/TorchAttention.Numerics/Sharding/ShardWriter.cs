using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// Deals rows to the files of shards: once over the rows, whose parts wait on the disk, and once over the parts. The folder is there whole,
/// with its manifest, or not at all.
/// </summary>
/// <remarks>
/// Memory: the largest shard some four times over, and 64 MB. What a writer that was killed has left beside a folder, the next deletes.
/// </remarks>
public sealed class ShardWriter : IDisposable
{
    /// <summary>The most shards there are.</summary>
    public const int MostShards = 1000;

    private const int MostBuffered = 1 << 23;
    private const string Ending = ".tmp";
    private const string LockName = ".lock";

    private readonly string _target;
    private readonly string _folder;
    private readonly FileStream _lock;
    private readonly ShardCuts _cuts;
    private readonly Part[] _parts;
    private readonly double[] _leastValues;
    private readonly double[] _mostValues;
    private double _largestWeight;
    private bool _isDone;

    /// <summary>Begins.</summary>
    /// <param name="target">The folder; there is none yet, or an empty one.</param>
    /// <param name="cuts">The boxes.</param>
    /// <param name="columns">v, the number of columns of values.</param>
    /// <param name="hasWeights">Whether rows have weights.</param>
    /// <exception cref="ArgumentException">Too many boxes, or no column.</exception>
    /// <exception cref="IOException">The folder has something in it, or cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public ShardWriter(string target, ShardCuts cuts, int columns = 1, bool hasWeights = false)
    {
        ArgumentNullException.ThrowIfNull(cuts);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(cuts.Count, MostShards);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        (_target, _cuts, Columns, HasWeights) = (Path.GetFullPath(target), cuts, columns, hasWeights);
        if (File.Exists(_target) || (Directory.Exists(_target) && Directory.EnumerateFileSystemEntries(_target).Any()))
        {
            throw new IOException($"'{PlainText.Escape(target)}' is there already");
        }

        string beside = Path.GetDirectoryName(_target)!;
        Sweep(beside, Path.GetFileName(_target));
        _folder = Path.Combine(beside, $".{Path.GetFileName(_target)}.{Guid.NewGuid():N}{Ending}");
        try
        {
            Directory.CreateDirectory(_folder);
            _lock = new FileStream(Path.Combine(_folder, LockName), FileMode.CreateNew, FileAccess.Write, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw WholeFile.Named(target, e);
        }

        int buffered = Math.Clamp(MostBuffered / cuts.Count / Fields, 16, 1 << 12);
        _parts = [.. Enumerable.Range(0, cuts.Count).Select(_ => new Part(new RowSpill(_folder, Fields, buffered), cuts.Features))];
        _leastValues = [.. Enumerable.Repeat(double.PositiveInfinity, columns)];
        _mostValues = [.. Enumerable.Repeat(double.NegativeInfinity, columns)];
    }

    /// <summary>v.</summary>
    public int Columns { get; }

    /// <summary>Whether rows have weights.</summary>
    public bool HasWeights { get; }

    /// <summary>How many rows there are; one of weight 0 is none.</summary>
    public long Count => _parts.Sum(part => part.Rows.Count);

    private int Fields => _cuts.Features + Columns + (HasWeights ? 1 : 0);

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n, v), row by row.</param>
    /// <param name="weights">Weights (n), not negative, where rows have them; a row of weight 0 is none.</param>
    /// <exception cref="ArgumentException">Lengths that differ, a number that is not finite, or a negative weight.</exception>
    /// <exception cref="IOException">The disk is full.</exception>
    public void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        int d = _cuts.Features;
        int rows = x.Length / d;
        if (x.Length != rows * d || y.Length != (long)rows * Columns || weights.Length != (HasWeights ? rows : 0))
        {
            throw new ArgumentException(
                $"Expected {d} keys, {Columns} values and {(HasWeights ? "a weight" : "no weight")} for each row, got {x.Length}, "
                    + $"{y.Length} and {weights.Length} in all.", nameof(x));
        }

        Span<double> row = stackalloc double[Fields];
        for (int i = 0; i < rows; i++)
        {
            x.Slice(i * d, d).CopyTo(row);
            y.Slice(i * Columns, Columns).CopyTo(row[d..]);
            double weight = HasWeights ? weights[i] : 1;
            row[^1] = HasWeights ? weight : row[^1];
            foreach (double number in row)
            {
                if (!double.IsFinite(number) || weight < 0)
                {
                    throw new ArgumentException(
                        $"Expected finite keys, values and weights from 0, got {(weight < 0 ? weight : number)} at row {i}.", nameof(x));
                }
            }

            if (weight > 0)
            {
                Add(row, weight);
            }
        }
    }

    /// <summary>Writes the files, and gives the folder its name.</summary>
    /// <param name="notes">What the columns mean.</param>
    /// <param name="progress">Told the part of the files written.</param>
    /// <param name="cancellationToken">Stops the work; there is no folder then.</param>
    /// <returns>The manifest.</returns>
    /// <exception cref="RegressionDataException">There is no row, or a shard has too many.</exception>
    /// <exception cref="IOException">The disk is full, or the folder's name was taken meanwhile.</exception>
    public ShardManifest Finish(
        IReadOnlyDictionary<string, string> notes, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(notes);
        ObjectDisposedException.ThrowIf(_isDone, this);
        Part[] parts = [.. _parts.Where(part => part.Rows.Count > 0)];
        CheckSizes(parts);
        double[][] distances = _cuts.Halos;
        foreach (Part part in parts)
        {
            part.Halos = new long[distances.Length];
        }

        for (int i = 0; i < parts.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Write(parts, i, distances);
            progress?.Report((i + 1.0) / parts.Length);
        }

        var manifest = new ShardManifest
        {
            Rows = Count,
            Features = _cuts.Features,
            Columns = Columns,
            HasWeights = HasWeights,
            LargestWeight = HasWeights ? _largestWeight : 1,
            LeastValues = _leastValues,
            MostValues = _mostValues,
            VectorBits = Vector256.IsHardwareAccelerated ? 256 : 128,
            Halos = distances,
            Notes = notes.ToDictionary(),
            Shards = [.. parts.Select(part => part.ToShard())],
        };
        WholeFile.Write(Path.Combine(_folder, ShardManifest.FileName), stream => stream.Write(manifest.ToBytes()), durable: true);
        cancellationToken.ThrowIfCancellationRequested();
        Release();
        if (Directory.Exists(_target))
        {
            Directory.Delete(_target);
        }

        Directory.Move(_folder, _target);
        _isDone = true;
        return ShardManifest.Load(Path.Combine(_target, ShardManifest.FileName));
    }

    /// <summary>Removes what is not finished.</summary>
    public void Dispose()
    {
        if (_isDone)
        {
            return;
        }

        _isDone = true;
        Release();
        Directory.Delete(_folder, recursive: true);
    }

    private void Add(ReadOnlySpan<double> row, double weight)
    {
        _parts[_cuts.PlaceOf(row[.._cuts.Features])].Add(row, weight);
        for (int c = 0; c < Columns; c++)
        {
            double value = row[_cuts.Features + c];
            _leastValues[c] = Math.Min(_leastValues[c], value);
            _mostValues[c] = Math.Max(_mostValues[c], value);
        }

        _largestWeight = Math.Max(_largestWeight, weight);
    }

    private void CheckSizes(Part[] parts)
    {
        long most = parts.Length == 0 ? 0 : parts.Max(part => part.Rows.Count);
        if (most == 0)
        {
            throw new RegressionDataException(RegressionProblem.TooFew, "rows for the shards", "none");
        }

        long fits = Array.MaxLength / (sizeof(double) * (long)Fields);
        if (most > fits)
        {
            throw new RegressionDataException(
                RegressionProblem.TooMany, $"more shards, of at most {fits} rows each", $"{parts.Length}, one with {most} rows");
        }
    }

    private void Write(Part[] parts, int index, double[][] distances)
    {
        Part part = parts[index];
        int d = _cuts.Features;
        double[] ordered = part.Rows.InOrder();
        int rows = ordered.Length / Fields;
        double[] keys = new double[rows * d];
        double[] values = new double[rows * Columns];
        double[] weights = new double[HasWeights ? rows : 0];
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<double> row = ordered.AsSpan(i * Fields, Fields);
            row[..d].CopyTo(keys.AsSpan(i * d));
            row.Slice(d, Columns).CopyTo(values.AsSpan(i * Columns));
            if (HasWeights)
            {
                weights[i] = row[^1];
            }
        }

        foreach (Part other in parts.Where(other => other != part))
        {
            other.CountNear(part, keys, distances);
        }

        string name = $"{index:0000}.safetensors";
        string path = Path.Combine(_folder, name);
        ShardFile.Write(path, keys, values, weights, d, Columns);
        (part.File, part.Bytes, part.Hash) = (name, new FileInfo(path).Length, SafeTensorsFile.HashOf(path));
        part.Rows.Dispose();
    }

    private void Release()
    {
        Array.ForEach(_parts, part => part.Rows.Dispose());
        _lock.Dispose();
        File.Delete(_lock.Name);
    }

    // What a writer that lives has locked stays.
    private static void Sweep(string folder, string name)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        foreach (string left in Directory.EnumerateDirectories(folder, $".{name}.*{Ending}"))
        {
            string guid = Path.GetFileName(left)[(name.Length + 2)..^Ending.Length];
            try
            {
                if (Guid.TryParseExact(guid, "N", out _))
                {
                    new FileStream(Path.Combine(left, LockName), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None).Dispose();
                    Directory.Delete(left, recursive: true);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody else's, or of a writer that is at work: it is in nobody's way.
            }
        }
    }

    /// <summary>The rows of a box.</summary>
    private sealed class Part(RowSpill rows, int features)
    {
        private readonly double[] _least = [.. Enumerable.Repeat(double.PositiveInfinity, features)];
        private readonly double[] _most = [.. Enumerable.Repeat(double.NegativeInfinity, features)];
        private double _weight;

        public RowSpill Rows => rows;

        public long[] Halos { get; set; } = [];

        public string File { get; set; } = "";

        public long Bytes { get; set; }

        public string Hash { get; set; } = "";

        public void Add(ReadOnlySpan<double> row, double weight)
        {
            rows.Add(row);
            _weight += weight;
            for (int j = 0; j < features; j++)
            {
                _least[j] = Math.Min(_least[j], row[j]);
                _most[j] = Math.Max(_most[j], row[j]);
            }
        }

        // How many of another's rows are near this box.
        public void CountNear(Part other, double[] keys, double[][] distances)
        {
            double[] widest = distances[^1];
            if (Enumerable.Range(0, features).Any(
                j => other._least[j] > _most[j] + widest[j] || other._most[j] < _least[j] - widest[j]))
            {
                return;
            }

            for (int i = 0; i < keys.Length; i += features)
            {
                for (int k = distances.Length - 1; k >= 0 && IsNear(keys.AsSpan(i, features), distances[k]); k--)
                {
                    Halos[k]++;
                }
            }
        }

        public Shard ToShard() => new()
        {
            File = File,
            Sha256 = Hash,
            Bytes = Bytes,
            Rows = (int)rows.Count,
            Weight = _weight,
            Least = _least,
            Most = _most,
            Halos = Halos,
        };

        private bool IsNear(ReadOnlySpan<double> key, double[] distance)
        {
            for (int j = 0; j < key.Length; j++)
            {
                if (key[j] < _least[j] - distance[j] || key[j] > _most[j] + distance[j])
                {
                    return false;
                }
            }

            return true;
        }
    }
}
