using System.Security.Cryptography;
using System.Text;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <content>The form that goes from one machine to another.</content>
public sealed partial class Moments
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "moments";

    // The second has any number of columns of values; moments of one are of the first still.
    private const int Version = 2;
    private const string HashKey = "sha256";

    // From the two halves of a sum's 128 bits.
    private const int Halves = 2;

    /// <summary>Saves the moments in the safetensors format; <see cref="Load(string)"/> has them bit for bit.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with them, such as the names of columns.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null) => ToFile(notes).Write(path);

    SafeTensorsFile IRowSums<Moments>.ToFile(IReadOnlyDictionary<string, string>? notes) => ToFile(notes);

    static (Moments Moments, IReadOnlyDictionary<string, string> Notes) IRowSums<Moments>.Load(string path, SafeTensorsFile file) =>
        Load(path, file);

    private SafeTensorsFile ToFile(IReadOnlyDictionary<string, string>? notes)
    {
        // Cells in order, and rows within a cell too: the same rows are the same file, whoever added them in whatever order.
        (Part Part, CellStore Store, int[] Places)[] parts = [.. Stores().Select(part => (part.Part, part.Store, part.Store.InOrder()))];
        long[] ids = [.. parts.SelectMany(part => part.Places.Select(part.Store.IdAt))];
        long[] counts = [.. parts.SelectMany(part => part.Places.Select(part.Store.CountAt))];
        long[] sums = new long[ids.Length * Grid.SumRows * Grid.Terms * Halves];
        var rows = new List<double>();
        var rowsOfParts = new List<long>();
        int at = 0;
        foreach ((_, CellStore store, int[] places) in parts)
        {
            rowsOfParts.Add(-rows.Count);
            foreach (int place in places)
            {
                foreach (Int128 sum in store.SumsAt(place))
                {
                    sums[at++] = (long)(sum >> 64);
                    sums[at++] = unchecked((long)(ulong)sum);
                }

                foreach (double[] row in store.RowsInOrder(place))
                {
                    rows.AddRange(Grid.HasWeights ? row : row.AsSpan(..^1));
                }
            }

            rowsOfParts[^1] += rows.Count;
        }

        int fields = Grid.Columns + (Grid.HasWeights ? 2 : 1);
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["cells"] = SafeTensor.Create(ids, ids.Length),
            ["counts"] = SafeTensor.Create(counts, ids.Length),
            ["sums"] = SafeTensor.Create(sums, ids.Length, Grid.SumRows, Grid.Terms, Halves),
            ["rows"] = SafeTensor.Create(rows.ToArray(), rows.Count / fields, fields),
            ["range"] = SafeTensor.Create([LeastX, MostX, SummationError], 3),
            ["level_cells"] = SafeTensor.Create(Grid.Cells, Grid.Cells.Length),
            ["levels"] = SafeTensor.Create(Grid.Levels, Grid.Levels.Length),
        };
        if (Grid.HasWeights)
        {
            tensors["weight_exponents"] = SafeTensor.Create(Grid.WeightExponents, Grid.WeightExponents.Length);
        }

        bool isPlain = Grid.Columns == 1 && Grid.Folds == 0;
        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = (isPlain ? 1 : Version).ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["cell_exponent"] = Grid.Exponent.ToString(CultureInfo.InvariantCulture),
        };
        if (isPlain)
        {
            metadata["unit_exponent"] = Grid.UnitExponents[0].ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            tensors["unit_exponents"] = SafeTensor.Create(Grid.UnitExponents, Grid.Columns);
            tensors["part_cells"] = SafeTensor.Create([.. parts.Select(part => (long)part.Places.Length)], parts.Length);
            tensors["part_rows"] = SafeTensor.Create([.. rowsOfParts.Select(count => count / fields)], parts.Length);
            tensors["part_folds"] = SafeTensor.Create([.. parts.Select(part => (long)part.Part.Fold)], parts.Length);
            metadata["part_classes"] = StoredModel.Text([.. parts.Select(part => part.Part.Class)]);
            metadata["folds"] = Grid.Folds.ToString(CultureInfo.InvariantCulture);
        }

        metadata[HashKey] = HashOf(tensors, metadata);
        StoredModel.AddNotes(metadata, notes);

        return new SafeTensorsFile(tensors, metadata);
    }

    /// <summary>Loads moments that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The moments, and the notes that were saved with them.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (Moments Moments, IReadOnlyDictionary<string, string> Notes) Load(string path) => Load(path, SafeTensorsFile.Read(path));

    private static (Moments Moments, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        var reader = new StoredModel(path, file, ModelName, Version);
        if (file.Metadata.TryGetValue(HashKey, out string? hash) && hash != HashOf(file.Tensors, file.Metadata))
        {
            throw Others("its bytes are not those that were saved");
        }

        int exponent = reader.Whole("cell_exponent", MomentGrid.LeastExponent, MomentGrid.MostExponent);
        bool isPlain = !file.Tensors.ContainsKey("unit_exponents");
        long[] units = !isPlain ? reader.Longs("unit_exponents", 1)
            : [reader.Whole("unit_exponent", MomentGrid.LeastExponent, MomentGrid.MostExponent)];
        long[] levelCells = reader.Longs("level_cells", 1);
        double[] levels = reader.Doubles("levels", 1);
        long[] ids = reader.Longs("cells", 1);
        long[] counts = reader.Longs("counts", 1);
        long[] sums = reader.Longs("sums", 4);
        int terms = file.Tensors["sums"].Shape[2] == MomentGrid.TermsOfLines ? MomentGrid.TermsOfLines : MomentGrid.TermsOfMeans;
        long[] weightExponents = file.Tensors.ContainsKey("weight_exponents") ? reader.Longs("weight_exponents", 1) : [];
        double[] rows = reader.Doubles("rows", 2);
        double[] range = reader.Doubles("range", 1);
        int folds = isPlain ? 0 : reader.Whole("folds", 0, MomentGrid.MostFolds);
        var grid = new MomentGrid(exponent, units, terms, levelCells, levels, weightExponents, folds);
        bool hasWeights = grid.HasWeights;
        int fields = grid.Columns + (hasWeights ? 2 : 1);
        int perCell = grid.SumRows * terms;
        bool fits = (long)levelCells.Length * units.Length == levels.Length && levelCells.Length > 0 && units.All(MomentGrid.IsExponent)
            && IsAscending(levelCells) && levels.All(double.IsFinite) && rows.Length % fields == 0
            && counts.Length == ids.Length && sums.LongLength == (long)ids.Length * perCell * Halves
            && counts.All(count => count > 0) && rows.All(double.IsFinite)
            && (!hasWeights || (weightExponents.Length == levelCells.Length && weightExponents.All(MomentGrid.IsExponent)))
            && range.Length == 3 && range[2] >= 0
            && (ids.Length == 0 || (double.IsFinite(range[0]) && double.IsFinite(range[1]) && range[0] <= range[1]))
            && counts.Aggregate(Int128.Zero, (sum, count) => sum + count) <= long.MaxValue;
        if (!fits)
        {
            throw Others($"{StoredModel.UnlikeShapes}, or its cells are not in order");
        }

        var moments = new Moments(grid);
        StoredPart[] parts = isPlain ? [new StoredPart(Part.Whole, ids.Length, rows.Length / fields)] : StoredParts(reader);
        if (!AreParts(parts, (grid.HasClasses, grid.Folds), ids.Length, rows.Length / fields))
        {
            throw Others("its parts do not fit its cells, or are not in order");
        }

        double[][] allRows = [.. rows.Chunk(fields).Select(row => hasWeights ? row : (double[])[.. row, 1])];
        var cell = new Int128[perCell];
        int firstCell = 0;
        int firstRow = 0;
        foreach (StoredPart part in parts)
        {
            LoadPart(part, firstCell, allRows.AsSpan(firstRow, part.Rows).ToArray().ToLookup(row => grid.CellOf(row[0])));
            firstCell += part.Cells;
            firstRow += part.Rows;
        }

        (moments.LeastX, moments.MostX, moments.SummationError) = (range[0], range[1], range[2]);
        return (moments, StoredModel.Notes(file));

        void LoadPart(StoredPart part, int first, ILookup<long, double[]> kept)
        {
            int row = 0;
            for (int i = first; i < first + part.Cells; i++)
            {
                if (i > first && ids[i] <= ids[i - 1])
                {
                    throw Others("its cells are not in order");
                }

                for (int k = 0; k < perCell; k++)
                {
                    int at = ((i * perCell) + k) * Halves;
                    cell[k] = new Int128(unchecked((ulong)sums[at]), unchecked((ulong)sums[at + 1]));
                }

                double[][] own = [.. kept[ids[i]]];
                bool isWhole = hasWeights ? own.Length <= grid.MostKept && own.All(row => row[^1] > 0)
                    : own.Length == (counts[i] < grid.MostKept ? counts[i] : 0);
                if (!isWhole)
                {
                    throw Others($"the cell {ids[i]} keeps {own.Length} rows");
                }

                // The first sum of the last row of weighted sums, and of the first of others, counts the rows.
                if (cell[hasWeights ? perCell - terms : 0] != (Int128)counts[i] << FixedPointSums.Bits)
                {
                    throw Others($"the sums of the cell {ids[i]} are not those of {counts[i]} rows");
                }

                moments.StoreOf(part.Part).Set(ids[i], counts[i], cell, own);
                moments.Count += counts[i];
                row += own.Length;
            }

            if (row != part.Rows)
            {
                throw Others("rows that are kept lie in no cell");
            }
        }

        StorageException Others(string found) =>
            new(StorageProblem.Numbers, path) { Expected = "moments that fit each other", Found = $"others ({found})" };
    }

    internal static StoredPart[] StoredParts(StoredModel reader)
    {
        string[] classes = reader.Strings("part_classes");
        long[] cells = reader.Longs("part_cells", 1);
        long[] rows = reader.Longs("part_rows", 1);
        long[] folds = reader.Longs("part_folds", 1);
        return cells.Length != classes.Length || rows.Length != classes.Length || folds.Length != classes.Length
            || !cells.Concat(rows).Concat(folds).All(number => number is >= 0 and <= int.MaxValue)
            ? throw reader.Unexpected("part_classes", $"{cells.Length} names")
            : [.. classes.Select((name, i) => new StoredPart(new Part(name, (int)folds[i]), (int)cells[i], (int)rows[i]))];
    }

    /// <summary>Whether parts are in order, and have so many cells and kept rows.</summary>
    internal static bool AreParts(StoredPart[] parts, (bool HasClasses, int Folds) grid, int cells, int rows) =>
        parts.Sum(part => (long)part.Cells) == cells && parts.Sum(part => (long)part.Rows) == rows
        && parts.Zip(parts.Skip(1), (one, next) => one.Part.CompareTo(next.Part) < 0).All(isBelow => isBelow)
        && parts.All(part => (grid.HasClasses || string.IsNullOrEmpty(part.Part.Class)) && part.Part.Fold < Math.Max(1, grid.Folds));

    // A sum says nothing of a bit that has turned.
    private static string HashOf(IReadOnlyDictionary<string, SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata) => HashOf(
        tensors,
        $"{metadata.GetValueOrDefault("cell_exponent")} {metadata.GetValueOrDefault("unit_exponent")}"
            + $"{metadata.GetValueOrDefault("folds")}{metadata.GetValueOrDefault("part_classes")}");

    /// <summary>A hash of tensors and of a text.</summary>
    internal static string HashOf(IReadOnlyDictionary<string, SafeTensor> tensors, string text)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, SafeTensor tensor) in tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} "));
            hash.AppendData(tensor.Bytes);
        }

        hash.AppendData(Encoding.UTF8.GetBytes(text));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal static bool IsAscending(long[] numbers) => numbers.Zip(numbers.Skip(1), (a, b) => a < b).All(isBelow => isBelow);

    /// <summary>A part of a file.</summary>
    internal readonly record struct StoredPart(Part Part, int Cells, int Rows);
}
