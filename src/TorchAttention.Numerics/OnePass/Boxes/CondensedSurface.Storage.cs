using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Saving and loading.</content>
public sealed partial class CondensedSurface
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "condensed_surface";

    // The second has several columns; surfaces of one are of the first still.
    private const int Version = 2;
    private const int FieldsOfId = 4;
    private const int Numbers = 9;
    private const string ColumnsKey = "columns";
    private const string ClassesKey = "classes";
    private const string FeaturesKey = "features";
    private const string ExamplesKey = "examples";

    /// <summary>Saves the surface in the safetensors format.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with it, such as the names of columns; <see cref="Load"/> gives it back.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        int n = _pieces.Length;
        int d = Features;
        bool isPlain = Columns == 1 && Classes.Count == 0;
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["pieces"] = SafeTensor.Create(
                [.. _pieces.SelectMany(piece => (long[])[piece.Id.Depth, piece.Id.One, piece.Id.Two, piece.Id.Three])], n, FieldsOfId),
            ["mean"] = SafeTensor.Create(
                [.. _pieces.SelectMany(piece => piece.Means.SelectMany(mean => mean))], n, Columns * _terms.Count),
            ["log_neighbours"] = SafeTensor.Create(
                [.. _pieces.SelectMany(piece => piece.LogNeighbours).Select(number => (float)number)], n, _terms.Count),
            ["errors"] = SafeTensor.Create([.. _pieces.SelectMany(piece => piece.Errors)], n * Columns),
            ["far"] = SafeTensor.Create([.. _pieces.Select(piece => piece.IsFar ? 1.0 : 0)], n),
            ["features"] = SafeTensor.Create(
                [.. Enumerable.Range(0, d).SelectMany(j => new[] { _bandwidths[j], _widths[j], _ranges[j].Least, _ranges[j].Most })], d, 4),
            ["numbers"] = SafeTensor.Create([_origins[0], Tolerance, .. Diagnostics.ToNumbers()], Numbers),
        };
        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = (isPlain ? 1 : Version).ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            [FeaturesKey] = d.ToString(CultureInfo.InvariantCulture),
            [ExamplesKey] = Count.ToString(CultureInfo.InvariantCulture),
        };
        if (!isPlain)
        {
            metadata[ColumnsKey] = Columns.ToString(CultureInfo.InvariantCulture);
            metadata[ClassesKey] = StoredModel.Text(Classes);
            tensors["origins"] = SafeTensor.Create(_origins, Columns);
            tensors["residuals"] = SafeTensor.Create(
                [.. Diagnostics.ResidualStandardError.Zip(Diagnostics.RSquared).SelectMany(pair => new[] { pair.First, pair.Second })],
                Columns, 2);
        }

        StoredModel.AddNotes(metadata, notes);

        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads a surface of a file that was read before: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The surface, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (CondensedSurface Surface, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        var reader = new StoredModel(path, file, ModelName, Version);
        int d = reader.Whole(FeaturesKey, 2, BoxGrid.MostFeatures);
        int terms = BoxTerms.Of(d).Count;
        long[] ids = reader.Longs("pieces", 2);
        double[] mean = reader.Doubles("mean", 2);
        double[] neighbours = reader.Numbers("log_neighbours", 2);
        double[] errors = reader.Doubles("errors", 1);
        double[] far = reader.Doubles("far", 1);
        double[] features = reader.Doubles("features", 2);
        double[] said = reader.Doubles("numbers", 1);
        bool isPlain = !reader.Has(ColumnsKey);
        int v = isPlain ? 1 : reader.Whole(ColumnsKey, 1, int.MaxValue);
        string[] classes = isPlain ? [] : reader.Strings(ClassesKey);
        double[] origins = isPlain ? [.. said.Take(1)] : reader.Doubles("origins", 1);
        double[] residuals = isPlain ? [] : reader.Doubles("residuals", 2);
        int n = far.Length;
        bool fits = n > 0 && ids.Length == n * FieldsOfId && mean.LongLength == (long)n * v * terms && neighbours.Length == n * terms
            && errors.LongLength == (long)n * v && origins.Length == v && origins.All(double.IsFinite)
            && (isPlain || residuals.Length == 2 * v) && (classes.Length == 0 || classes.Length == v)
            && features.Length == 4 * d && said.Length == Numbers && mean.All(double.IsFinite) && neighbours.All(double.IsFinite)
            && ids.All(id => Math.Abs((double)id) < MomentGrid.MostCell) && features.Chunk(4).All(IsFeature)
            && !(said[2] < 0) && ids.Chunk(FieldsOfId).All(id => id[0] is >= 0 and <= MostDepth);
        Piece[] pieces = !fits ? [] : [.. Enumerable.Range(0, n).Select(i => new Piece(
            new PieceId((int)ids[4 * i], ids[(4 * i) + 1], ids[(4 * i) + 2], ids[(4 * i) + 3]),
            [.. mean[(i * v * terms)..((i + 1) * v * terms)].Chunk(terms)],
            neighbours[(i * terms)..((i + 1) * terms)],
            errors[(i * v)..((i + 1) * v)],
            far[i] != 0))];
        if (!fits || pieces.DistinctBy(piece => piece.Id).Count() < n
            || !long.TryParse(reader.Text(ExamplesKey), NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            throw new StorageException(StorageProblem.Numbers, path)
            {
                Expected = "a surface of pieces that fit each other",
                Found = $"others ({StoredModel.UnlikeShapes}, or its numbers cannot be used)",
            };
        }

        var diagnostics = Diagnostics.Read(said.AsSpan(2));
        double[][] of = [.. features.Chunk(4)];
        var surface = new CondensedSurface(
            pieces, [.. of.Select(one => one[1])], origins, [.. of.Select(one => (one[2], one[3]))], [.. of.Select(one => one[0])], classes)
        {
            Count = count,
            Tolerance = said[1],
            Diagnostics = isPlain ? diagnostics : diagnostics with
            {
                ResidualStandardError = [.. residuals.Where((_, i) => i % 2 == 0)],
                RSquared = [.. residuals.Where((_, i) => i % 2 == 1)],
            },
        };
        return (surface, StoredModel.Notes(file));

        static bool IsFeature(double[] one) =>
            one[0] > 0 && double.IsFinite(one[0]) && one[1] > 0 && double.IsFinite(one[1]) && one[2] <= one[3];
    }
}
