using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <content>Saving and loading.</content>
public sealed partial class CondensedCurve
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "condensed_curve";

    // The second has one start, and float32 where that loses nothing.
    internal const int Version = 2;

    private const int Numbers = 12;

    // Terms of the mean fall from about its range to the tolerance. Those that so many bits beside it suffice for are float32, which has
    // 24; what that costs is in the bound.
    private const int BitsOfLater = 23;
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
        int wide = TermsOf(piece => piece.Mean, number => number != (float)number);
        int terms = TermsOf(piece => piece.Neighbours, number => number != 0);
        var tensors = new Dictionary<string, SafeTensor>
        {
            [$"{prefix}starts"] = SafeTensor.Create([_pieces[0].Start], 1),
            [$"{prefix}cells"] = Compact([.. _pieces.Select(piece => (double)piece.Cells)], n),
            [$"{prefix}mean"] = SafeTensor.Create([.. _pieces.SelectMany(piece => piece.Mean.Take(wide))], n, wide),
            [$"{prefix}mean_rest"] = Compact([.. _pieces.SelectMany(piece => piece.Mean.Skip(wide))], n, K - wide),
            [$"{prefix}neighbours"] = Compact([.. _pieces.SelectMany(piece => piece.Neighbours.Take(terms))], n, terms),
            [$"{prefix}bounds"] = Compact([.. _pieces.SelectMany(piece => new[] { piece.Bound, piece.NeighboursBound })], n, 2),
            [$"{prefix}numbers"] = SafeTensor.Create(
                [Bandwidth, _origin, LeastX, MostX, Tolerance, .. Diagnostics.ToNumbers()],
                Numbers),
        };
        if (_pieces.Any(piece => piece.IsFar))
        {
            tensors[$"{prefix}far"] = Compact([.. _pieces.Select(piece => piece.IsFar ? 1.0 : 0)], n);
        }

        if (HasNoise)
        {
            int ofNoise = TermsOf(piece => piece.Noise, number => number != 0);
            tensors[$"{prefix}noise"] = Compact(
                [.. _pieces.SelectMany(piece => piece.HasNoise ? piece.Noise.Take(ofNoise) : new double[ofNoise])], n, ofNoise);
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
        double[] cells = reader.Numbers($"{prefix}cells", 1);
        int n = cells.Length;
        double[] mean = reader.Doubles($"{prefix}mean", 2);
        double[] rest = reader.HasTensor($"{prefix}mean_rest") ? reader.Numbers($"{prefix}mean_rest", 2) : [];
        double[] neighbours = reader.Numbers($"{prefix}neighbours", 2);
        double[] noise = reader.HasTensor($"{prefix}noise") ? reader.Numbers($"{prefix}noise", 2) : new double[n];
        double[] bounds = reader.Numbers($"{prefix}bounds", 2);
        double[] far = reader.HasTensor($"{prefix}far") ? reader.Numbers($"{prefix}far", 1) : new double[n];
        double[] said = reader.Doubles($"{prefix}numbers", 1);
        bool fits = n > 0 && mean.Length % n == 0 && mean.Length + rest.Length == n * K && neighbours.Length % n == 0
            && neighbours.Length <= n * K && bounds.Length == 2 * n && far.Length == n && said.Length == Numbers
            && mean.All(double.IsFinite) && rest.All(double.IsFinite) && neighbours.All(double.IsFinite)
            && noise.Length % n == 0 && noise.Length <= n * K && noise.All(double.IsFinite)
            && AreInOrder(ref starts, cells)
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
            (long)cells[i],
            [.. RowOf(mean, i), .. RowOf(rest, i)],
            [.. RowOf(neighbours, i), .. new double[K - (neighbours.Length / n)]],
            bounds[2 * i],
            bounds[(2 * i) + 1],
            far[i] != 0)
        {
            Noise = [.. RowOf(noise, i), .. new double[K - (noise.Length / n)]],
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

        double[] RowOf(double[] all, int i) => all[(i * (all.Length / n))..((i + 1) * (all.Length / n))];
    }

    // Pieces follow each other: files of the first version say where each begins.
    private static bool AreInOrder(ref long[] starts, double[] cells)
    {
        const double most = 1L << 53;
        bool areCells = Array.TrueForAll(cells, count => count is > 0 and <= most && count == Math.Floor(count));
        if (!areCells || starts.Length == 0 || Math.Abs((double)starts[0]) >= most || Math.Abs(starts[0] + cells.Sum()) >= 2 * most)
        {
            return false;
        }

        long[] all = new long[cells.Length];
        long next = starts[0];
        for (int i = 0; i < all.Length; i++)
        {
            (all[i], next) = (next, next + (long)cells[i]);
        }

        bool isSaid = starts.Length == 1 || starts.SequenceEqual(all);
        starts = all;
        return isSaid;
    }

    // How many terms there are up to the last that is needed in any piece.
    private int TermsOf(Func<Piece, double[]> numbers, Predicate<double> isNeeded) =>
        _pieces.Max(piece => Array.FindLastIndex(numbers(piece), isNeeded)) + 1;

    private static int WideTerms(double tolerance) => Math.Max(1, (int)Math.Ceiling(K * (1 + (BitsOfLater / Math.Log2(tolerance)))));

    private static void Narrow(Span<double> numbers)
    {
        foreach (ref double number in numbers)
        {
            number = float.IsNormal((float)number) ? (float)number : number;
        }
    }

    // The next float32 that is not less.
    private static double Above(double number)
    {
        float narrow = (float)number;
        return !float.IsNormal(narrow) ? number : narrow < number ? MathF.BitIncrement(narrow) : narrow;
    }

    private static SafeTensor Compact(double[] numbers, params ReadOnlySpan<long> shape) =>
        Array.TrueForAll(numbers, number => number == (float)number)
            ? SafeTensor.Create([.. numbers.Select(number => (float)number)], shape)
            : SafeTensor.Create(numbers, shape);
}
