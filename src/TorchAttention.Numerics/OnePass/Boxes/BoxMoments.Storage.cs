using System.Security.Cryptography;
using System.Text;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>The form that goes from one machine to another.</content>
public sealed partial class BoxMoments
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "box_moments";

    private const int Version = 1;
    private const string HashKey = "sha256";
    private const string FeaturesKey = "features";
    private const string UnitKey = "unit_exponent";

    // From the two halves of a sum's 128 bits.
    private const int Halves = 2;

    /// <summary>Saves the moments in the safetensors format; <see cref="Load"/> has them bit for bit.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with them, such as the names of columns.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        // In order: the same rows are the same file, whoever added them in whatever order.
        BoxStore.Box[] boxes = InOrder();
        int fields = Grid.Features + 1;
        double[] rows = [.. boxes.SelectMany(box => box.RowsInOrder()).SelectMany(row => row)];
        int summed = boxes.Count(box => box.Sums.Length > 0);
        long[] sums = [.. boxes.SelectMany(box => box.Sums).SelectMany(sum => (long[])[(long)(sum >> 64), unchecked((long)(ulong)sum)])];
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["boxes"] = SafeTensor.Create([.. boxes.Select(box => box.Id)], boxes.Length),
            ["counts"] = SafeTensor.Create([.. boxes.Select(box => box.Count)], boxes.Length),
            ["sums"] = SafeTensor.Create(sums, summed, 3, Grid.Terms.Count, Halves),
            ["rows"] = SafeTensor.Create(rows, rows.Length / fields, fields),
            ["ranges"] = SafeTensor.Create([.. _least.Zip(_most, (least, most) => new[] { least, most }).SelectMany(ends => ends)],
                Grid.Features, 2),
            ["exponents"] = SafeTensor.Create([.. Grid.Exponents.ToArray().Select(e => (long)e)], Grid.Features),
            ["origins"] = SafeTensor.Create(Grid.Origins, Grid.Features),
            ["level_boxes"] = SafeTensor.Create(Grid.Boxes, Grid.Boxes.Length),
            ["levels"] = SafeTensor.Create(Grid.Levels, Grid.Levels.Length),
        };
        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            [FeaturesKey] = Grid.Features.ToString(CultureInfo.InvariantCulture),
            [UnitKey] = Grid.UnitExponent.ToString(CultureInfo.InvariantCulture),
        };
        metadata[HashKey] = HashOf(tensors, metadata);
        StoredModel.AddNotes(metadata, notes);

        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads moments of a file that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The moments, and the notes that were saved with them.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (BoxMoments Moments, IReadOnlyDictionary<string, string> Notes) Load(string path)
    {
        var file = SafeTensorsFile.Read(path);
        var reader = new StoredModel(path, file, ModelName, Version);
        if (file.Metadata.TryGetValue(HashKey, out string? hash) && hash != HashOf(file.Tensors, file.Metadata))
        {
            throw Others("its bytes are not those that were saved");
        }

        int features = reader.Whole(FeaturesKey, 2, BoxGrid.MostFeatures);
        int unit = reader.Whole(UnitKey, MomentGrid.LeastExponent, MomentGrid.MostExponent);
        long[] exponents = reader.Longs("exponents", 1);
        long[] origins = reader.Longs("origins", 1);
        long[] levelBoxes = reader.Longs("level_boxes", 1);
        double[] levels = reader.Doubles("levels", 1);
        double[] ranges = reader.Doubles("ranges", 2);
        bool isGrid = exponents.Length == features && exponents.All(MomentGrid.IsExponent) && origins.Length == features
            && origins.All(origin => Math.Abs((double)origin) <= MomentGrid.MostCell)
            && levelBoxes.Length == levels.Length && levels.Length > 0 && IsAscending(levelBoxes) && levels.All(double.IsFinite)
            && ranges.Length == 2 * features;
        if (!isGrid)
        {
            throw Others("the shapes of its tensors do not fit each other, or its boxes are not in order");
        }

        var moments = new BoxMoments(new BoxGrid([.. exponents.Select(e => (int)e)], origins, unit, levelBoxes, levels));
        moments.LoadBoxes(
            reader.Longs("boxes", 1), reader.Longs("counts", 1), reader.Longs("sums", 4), reader.Doubles("rows", 2), Others);
        for (int j = 0; j < features; j++)
        {
            (moments._least[j], moments._most[j]) = (ranges[2 * j], ranges[(2 * j) + 1]);
            if (moments.Count > 0 && !(double.IsFinite(ranges[2 * j]) && ranges[2 * j] <= ranges[(2 * j) + 1]
                && double.IsFinite(ranges[(2 * j) + 1])))
            {
                throw Others("the ends of its keys are not in order");
            }
        }

        return (moments, StoredModel.Notes(file));

        StorageException Others(string found) =>
            new(StorageProblem.Numbers, path) { Expected = "moments that fit each other", Found = $"others ({found})" };
    }

    private void LoadBoxes(long[] ids, long[] counts, long[] sums, double[] rows, Func<string, StorageException> others)
    {
        int fields = Grid.Features + 1;
        int perBox = 3 * Grid.Terms.Count;
        bool fits = ids.Length == counts.Length && ids.Length <= Grid.MostBoxes && IsAscending(ids) && ids.All(id => id >= 0)
            && counts.All(count => count > 0) && counts.Aggregate(Int128.Zero, (sum, count) => sum + count) <= long.MaxValue
            && sums.LongLength == (long)counts.Count(count => count >= BoxGrid.MostKept) * perBox * Halves
            && rows.LongLength == counts.Where(count => count < BoxGrid.MostKept).Sum() * fields && rows.All(double.IsFinite);
        if (!fits)
        {
            throw others("the shapes of its tensors do not fit each other, or its boxes are not in order");
        }

        (int row, int sum) = (0, 0);
        for (int i = 0; i < ids.Length; i++)
        {
            if (counts[i] < BoxGrid.MostKept)
            {
                ReadOnlySpan<double> own = rows.AsSpan(row, (int)counts[i] * fields);
                for (int k = 0; k < own.Length; k += fields)
                {
                    if (Grid.TryBoxOf(own.Slice(k, Grid.Features), out long id) >= 0 || id != ids[i])
                    {
                        throw others("rows that are kept lie in another box");
                    }
                }

                _store.Add(_store.At(ids[i]), own);
                row += own.Length;
            }
            else
            {
                var numbers = new Int128[perBox];
                for (int k = 0; k < perBox; k++, sum += Halves)
                {
                    numbers[k] = new Int128(unchecked((ulong)sums[sum]), unchecked((ulong)sums[sum + 1]));
                }

                // The first sum counts the rows.
                if (numbers[0] != (Int128)counts[i] << FixedPointSums.Bits)
                {
                    throw others($"the sums of the box {ids[i]} are not those of {counts[i]} rows");
                }

                _store.Set(ids[i], counts[i], numbers);
            }

            Count += counts[i];
        }
    }

    // A sum says nothing of a bit that has turned.
    private static string HashOf(IReadOnlyDictionary<string, SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, SafeTensor tensor) in tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} "));
            hash.AppendData(tensor.Bytes);
        }

        hash.AppendData(Encoding.UTF8.GetBytes($"{metadata.GetValueOrDefault(FeaturesKey)} {metadata.GetValueOrDefault(UnitKey)}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static bool IsAscending(long[] numbers) => numbers.Zip(numbers.Skip(1), (a, b) => a < b).All(isBelow => isBelow);
}
