using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <content>Saving and loading.</content>
public sealed partial class CondensedCurve
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "condensed_curve";

    private const int Version = 1;
    private const int Numbers = 12;
    private const string ProvedKey = "proved";

    /// <summary>Saves the curve in the safetensors format.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with the curve, such as the names of columns; <see cref="Load(string)"/> gives it back.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null) =>
        new SafeTensorsFile(Tensors(""), Metadata(ModelName, notes)).Write(path);

    /// <summary>The numbers as tensors, whose names begin alike.</summary>
    internal Dictionary<string, SafeTensor> Tensors(string prefix)
    {
        int n = _pieces.Length;
        var tensors = new Dictionary<string, SafeTensor>
        {
            [$"{prefix}starts"] = SafeTensor.Create([.. _pieces.Select(piece => piece.Start)], n),
            [$"{prefix}cells"] = SafeTensor.Create([.. _pieces.Select(piece => piece.Cells)], n),
            [$"{prefix}mean"] = SafeTensor.Create([.. _pieces.SelectMany(piece => piece.Mean)], n, K),
            [$"{prefix}neighbours"] = SafeTensor.Create(
                [.. _pieces.SelectMany(piece => piece.Neighbours).Select(number => (float)number)], n, K),
            [$"{prefix}bounds"] = SafeTensor.Create([.. _pieces.SelectMany(piece => new[] { piece.Bound, piece.NeighboursBound })], n, 2),
            [$"{prefix}far"] = SafeTensor.Create([.. _pieces.Select(piece => piece.IsFar ? 1.0 : 0)], n),
            [$"{prefix}numbers"] = SafeTensor.Create(
                [Bandwidth, _origin, LeastX, MostX, Tolerance, .. Diagnostics.ToNumbers()],
                Numbers),
        };
        if (HasNoise)
        {
            tensors[$"{prefix}noise"] = SafeTensor.Create(
                [.. _pieces.SelectMany(piece => piece.HasNoise ? piece.Noise : new double[NoiseTerms]).Select(number => (float)number)],
                n,
                NoiseTerms);
        }

        return tensors;
    }

    /// <summary>What is said of the curve in a file's header.</summary>
    internal Dictionary<string, string> Metadata(string modelName, IReadOnlyDictionary<string, string>? notes)
    {
        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = modelName,
            ["cell_exponent"] = _exponent.ToString(CultureInfo.InvariantCulture),
            ["examples"] = Count.ToString(CultureInfo.InvariantCulture),
        };
        if (!IsProved)
        {
            metadata[ProvedKey] = "false";
        }

        StoredModel.AddNotes(metadata, notes);

        return metadata;
    }

    /// <summary>Loads a curve that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The curve, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (CondensedCurve Curve, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    /// <summary>Loads a curve of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The curve, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (CondensedCurve Curve, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file) =>
        (Read(path, new StoredModel(path, file, ModelName, Version), ""), StoredModel.Notes(file));

    /// <summary>The curve whose tensors' names begin so.</summary>
    internal static CondensedCurve Read(string path, StoredModel reader, string prefix)
    {
        long[] starts = reader.Longs($"{prefix}starts", 1);
        int n = starts.Length;
        long[] cells = reader.Longs($"{prefix}cells", 1);
        double[] mean = reader.Doubles($"{prefix}mean", 2);
        double[] neighbours = [.. reader.Floats($"{prefix}neighbours", 2).Select(number => (double)number)];
        double[] noise = reader.HasTensor($"{prefix}noise")
            ? [.. reader.Floats($"{prefix}noise", 2).Select(number => (double)number)]
            : new double[n * NoiseTerms];
        double[] bounds = reader.Doubles($"{prefix}bounds", 2);
        double[] far = reader.Doubles($"{prefix}far", 1);
        double[] said = reader.Doubles($"{prefix}numbers", 1);
        bool fits = n > 0 && cells.Length == n && mean.Length == n * K && neighbours.Length == n * K && bounds.Length == 2 * n
            && far.Length == n && said.Length == Numbers && mean.All(double.IsFinite) && neighbours.All(double.IsFinite)
            && noise.Length == n * NoiseTerms && noise.All(double.IsFinite)
            && cells.All(count => count is > 0 and <= 1L << 53) && Math.Abs((double)starts[0]) < 1L << 53
            && starts.Zip(cells, (start, count) => unchecked(start + count)).SkipLast(1).SequenceEqual(starts.Skip(1))
            && Math.Abs((double)starts[^1]) + cells[^1] < 1L << 54
            && said[0] > 0 && double.IsFinite(said[1]) && said[2] <= said[3] && !(said[5] < 0);
        if (!fits || !long.TryParse(reader.Text("examples"), NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            throw new StorageException(StorageProblem.Numbers, path)
            {
                Expected = "a curve of pieces that follow each other",
                Found = $"others ({StoredModel.UnlikeShapes}, or its numbers cannot be used)",
            };
        }

        Piece[] pieces = [.. Enumerable.Range(0, n).Select(i => new Piece(
            starts[i],
            cells[i],
            mean[(i * K)..((i + 1) * K)],
            neighbours[(i * K)..((i + 1) * K)],
            bounds[2 * i],
            bounds[(2 * i) + 1],
            far[i] != 0)
        {
            Noise = noise[(i * NoiseTerms)..((i + 1) * NoiseTerms)],
        })];
        int exponent = reader.Whole("cell_exponent", MomentGrid.LeastExponent, MomentGrid.MostExponent);
        return new CondensedCurve(pieces, exponent, said[1])
        {
            Bandwidth = said[0],
            Count = count,
            LeastX = said[2],
            MostX = said[3],
            Tolerance = said[4],
            IsProved = !reader.Has(ProvedKey),
            Diagnostics = Diagnostics.Read(said.AsSpan(5)),
        };
    }
}
