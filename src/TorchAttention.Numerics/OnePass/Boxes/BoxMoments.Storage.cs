using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>The form that goes from one machine to another.</content>
public sealed partial class BoxMoments
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "box_moments";

    // The second has any number of columns of values, classes, weights and folds; moments of one column are of the first still.
    private const int Version = 2;
    private const string HashKey = "sha256";
    private const string FeaturesKey = "features";
    private const string UnitKey = "unit_exponent";
    private const string FoldsKey = "folds";
    private const string ClassesKey = "part_classes";

    // From the two halves of a sum's 128 bits.
    private const int Halves = 2;

    private bool IsPlain => Grid is { Columns: 1, HasWeights: false, Folds: 0 };

    /// <summary>Saves the moments in the safetensors format; <see cref="Load(string)"/> has them bit for bit.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with them, such as the names of columns.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null) => ToFile(notes).Write(path);

    SafeTensorsFile IRowSums<BoxMoments>.ToFile(IReadOnlyDictionary<string, string>? notes) => ToFile(notes);

    static (BoxMoments Moments, IReadOnlyDictionary<string, string> Notes) IRowSums<BoxMoments>.Load(string path, SafeTensorsFile file) =>
        Load(path, file);

    private SafeTensorsFile ToFile(IReadOnlyDictionary<string, string>? notes)
    {
        // In order: the same rows are the same file, whoever added them in whatever order.
        (Moments.Part Part, BoxStore.Box[] Boxes)[] parts = [.. _parts.Select(part => (part.Key, part.Value.InOrder()))];
        BoxStore.Box[] boxes = [.. parts.SelectMany(part => part.Boxes)];
        int fields = Grid.Fields;
        double[] rows = [.. boxes.SelectMany(box => box.RowsInOrder()).SelectMany(row => row)];
        int summed = boxes.Count(box => box.Sums.Length > 0);
        long[] sums = new long[(long)summed * Grid.SumsOfBox * Halves];
        int at = 0;
        foreach (Int128 sum in boxes.SelectMany(box => box.Sums))
        {
            sums[at++] = (long)(sum >> 64);
            sums[at++] = unchecked((long)(ulong)sum);
        }

        var tensors = new Dictionary<string, SafeTensor>
        {
            ["boxes"] = SafeTensor.Create([.. boxes.Select(box => box.Id)], boxes.Length),
            ["counts"] = SafeTensor.Create([.. boxes.Select(box => box.Count)], boxes.Length),
            ["sums"] = SafeTensor.Create(sums, summed, Grid.SumsOfBox / Grid.Terms.Count, Grid.Terms.Count, Halves),
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
            ["version"] = (IsPlain ? 1 : Version).ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            [FeaturesKey] = Grid.Features.ToString(CultureInfo.InvariantCulture),
        };
        if (IsPlain)
        {
            metadata[UnitKey] = Grid.UnitExponents[0].ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            tensors["kept"] = SafeTensor.Create([.. boxes.Select(box => (long)box.Waiting)], boxes.Length);
            tensors["unit_exponents"] = SafeTensor.Create(Grid.UnitExponents, Grid.Columns);
            tensors["weight_exponents"] = SafeTensor.Create(Grid.WeightExponents, Grid.WeightExponents.Length);
            tensors["part_cells"] = SafeTensor.Create([.. parts.Select(part => (long)part.Boxes.Length)], parts.Length);
            tensors["part_rows"] = SafeTensor.Create([.. parts.Select(part => part.Boxes.Sum(box => (long)box.Waiting))], parts.Length);
            tensors["part_folds"] = SafeTensor.Create([.. parts.Select(part => (long)part.Part.Fold)], parts.Length);
            metadata[ClassesKey] = StoredModel.Text([.. parts.Select(part => part.Part.Class)]);
            metadata[FoldsKey] = Grid.Folds.ToString(CultureInfo.InvariantCulture);
        }

        metadata[HashKey] = HashOf(tensors, metadata);
        StoredModel.AddNotes(metadata, notes);

        return new SafeTensorsFile(tensors, metadata);
    }

    /// <summary>Loads moments of a file that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The moments, and the notes that were saved with them.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (BoxMoments Moments, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    private static (BoxMoments Moments, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        var reader = new StoredModel(path, file, ModelName, Version);
        if (file.Metadata.TryGetValue(HashKey, out string? hash) && hash != HashOf(file.Tensors, file.Metadata))
        {
            throw Others("its bytes are not those that were saved");
        }

        int features = reader.Whole(FeaturesKey, 2, BoxGrid.MostFeatures);
        bool isPlain = reader.Has(UnitKey);
        long[] units = isPlain ? [reader.Whole(UnitKey, MomentGrid.LeastExponent, MomentGrid.MostExponent)]
            : reader.Longs("unit_exponents", 1);
        long[] weightExponents = isPlain ? [] : reader.Longs("weight_exponents", 1);
        int folds = isPlain ? 0 : reader.Whole(FoldsKey, 0, MomentGrid.MostFolds);
        long[] exponents = reader.Longs("exponents", 1);
        long[] origins = reader.Longs("origins", 1);
        long[] levelBoxes = reader.Longs("level_boxes", 1);
        double[] levels = reader.Doubles("levels", 1);
        double[] ranges = reader.Doubles("ranges", 2);
        bool isGrid = exponents.Length == features && exponents.All(MomentGrid.IsExponent) && origins.Length == features
            && origins.All(origin => Math.Abs((double)origin) <= MomentGrid.MostCell) && units.All(MomentGrid.IsExponent)
            && (long)levelBoxes.Length * units.Length == levels.Length && levelBoxes.Length > 0 && Moments.IsAscending(levelBoxes)
            && levels.All(double.IsFinite) && weightExponents.All(MomentGrid.IsExponent)
            && (weightExponents.Length == 0 || weightExponents.Length == levelBoxes.Length) && ranges.Length == 2 * features;
        if (!isGrid)
        {
            throw Others($"{StoredModel.UnlikeShapes}, or its boxes are not in order");
        }

        var moments = new BoxMoments(
            new BoxGrid([.. exponents.Select(e => (int)e)], origins, units, levelBoxes, levels, weightExponents, folds));
        moments.LoadParts(reader, isPlain, Others);
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

    private void LoadParts(StoredModel reader, bool isPlain, Func<string, StorageException> others)
    {
        long[] ids = reader.Longs("boxes", 1);
        long[] counts = reader.Longs("counts", 1);
        long[] sums = reader.Longs("sums", 4);
        double[] rows = reader.Doubles("rows", 2);
        int fields = Grid.Fields;
        long[] kept = isPlain ? [.. counts.Select(count => count < BoxGrid.MostKept ? count : 0)] : reader.Longs("kept", 1);
        bool fits = ids.Length == counts.Length && kept.Length == counts.Length && ids.All(id => id >= 0)
            && counts.All(count => count > 0) && counts.Aggregate(Int128.Zero, (sum, count) => sum + count) <= long.MaxValue
            && kept.Zip(counts).All(pair => pair.First >= 0 && pair.First <= pair.Second && pair.First < BoxGrid.MostKept)
            && sums.LongLength == kept.Zip(counts).Count(pair => pair.First < pair.Second) * (long)Grid.SumsOfBox * Halves
            && rows.LongLength == kept.Sum() * fields && rows.All(double.IsFinite);
        Moments.StoredPart[] parts = !fits ? []
            : isPlain ? [new(Moments.Part.Whole, ids.Length, rows.Length / fields)]
            : Moments.StoredParts(reader);
        fits &= Moments.AreParts(parts, (Grid.HasClasses, Grid.Folds), ids.Length, rows.Length / Math.Max(1, fields));
        if (!fits)
        {
            throw others($"{StoredModel.UnlikeShapes}, or its boxes are not in order");
        }

        (int row, int sum, int box) = (0, 0, 0);
        foreach (Moments.StoredPart part in parts)
        {
            long before = -1;
            for (int end = box + part.Cells; box < end; before = ids[box], box++)
            {
                if (ids[box] <= before || (before < 0 && part.Cells > Grid.MostBoxes))
                {
                    throw others("its boxes are not in order");
                }

                ReadOnlySpan<double> own = rows.AsSpan(row, (int)kept[box] * fields);
                Int128[] numbers = [];
                if (kept[box] < counts[box])
                {
                    numbers = new Int128[Grid.SumsOfBox];
                    for (int k = 0; k < numbers.Length; k++, sum += Halves)
                    {
                        numbers[k] = new Int128(unchecked((ulong)sums[sum]), unchecked((ulong)sums[sum + 1]));
                    }
                }

                LoadBox(StoreOf(part.Part), ids[box], counts[box], numbers, own, others);
                row += own.Length;
                Count += counts[box];
            }
        }
    }

    private void LoadBox(
        BoxStore store, long id, long count, Int128[] sums, ReadOnlySpan<double> rows, Func<string, StorageException> others)
    {
        int fields = Grid.Fields;
        for (int k = 0; k < rows.Length; k += fields)
        {
            if (Grid.TryBoxOf(rows.Slice(k, Grid.Features), out long own) >= 0 || own != id)
            {
                throw others("rows that are kept lie in another box");
            }

            if (Grid.HasWeights && !(rows[k + fields - 1] > 0))
            {
                throw others("rows that are kept have no weight");
            }
        }

        // The first sum is the rows' weight, and without weights their number.
        long summed = count - (rows.Length / fields);
        if (sums.Length > 0 && (Grid.HasWeights ? sums[0] <= 0 : sums[0] != (Int128)summed << FixedPointSums.Bits))
        {
            throw others($"the sums of the box {id} are not those of {summed} rows");
        }

        if (sums.Length > 0)
        {
            store.Set(id, summed, sums);
        }

        BoxStore.Box box = store.At(id);
        store.Add(box, rows);
        if (store.Settled(box).Waiting != rows.Length / fields)
        {
            throw others($"the box {id} keeps {rows.Length / fields} rows");
        }
    }

    private static string HashOf(IReadOnlyDictionary<string, SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata) =>
        Moments.HashOf(
            tensors,
            $"{metadata.GetValueOrDefault(FeaturesKey)} {metadata.GetValueOrDefault(UnitKey)}"
                + $"{metadata.GetValueOrDefault(FoldsKey)}{metadata.GetValueOrDefault(ClassesKey)}");
}
