using System.Text;
using TorchAttention.Files;

namespace TorchAttention.Cli.OnePass;

/// <content>A first look, by which cells are chosen.</content>
internal sealed partial class RowFiles
{
    private const int MostCopiesLookedAt = 8;
    private const int PilotPlaces = 64;
    private const int BytesAtPlace = 1 << 16;

    // A look at blocks of rows takes an eighth of them.
    private const int PartOfBlocks = 8;
    private const int FewestBlocks = 4;

    // Smaller files are looked at whole.
    private const long SmallFile = 8 << 20;

    // Of shards, too, whose rows such a file could have had: the shortest are as 1,2.
    private const long FewestBytes = 4;

    /// <summary>Some rows from many places of files that can be read again, and how many there are in all, roughly.</summary>
    /// <exception cref="TableException">There are none, or a file is no such text.</exception>
    public SomeRows Look()
    {
        long bytes = Bytes;
        if (_areCounted)
        {
            return LookThrough();
        }

        if (_shards is null ? bytes <= SmallFile : _shards.Rows <= SmallFile / FewestBytes)
        {
            List<double>[] all = NewLists();
            foreach (RowBatch batch in Paths.SelectMany(path => Read(path)))
            {
                batch.AddTo(all);
            }

            Order(all);
            (RowsLeftOut leftOut, LeftOut) = (LeftOut, default);
            return new SomeRows(all, Features, Targets, all[0].Count) { Labels = LabelsOf(all), IsAll = true, LeftOut = leftOut };
        }

        return _shards is not null ? LookThroughShards() : Paths.All(TableFile.IsCsv) ? LookAtPlaces(bytes) : LookAtBlocks();
    }

    // The same rows are cut alike, to the bit, whichever order they are met in. Classes have the order in which they are met.
    private void Order(List<double>[] columns)
    {
        if (AreClasses)
        {
            return;
        }

        double[] keys = [.. columns[0]];
        int[] rows = [.. Enumerable.Range(0, keys.Length)];
        Array.Sort(keys, rows);
        var others = Comparer<int>.Create((one, other) =>
            columns.Select(column => column[one].CompareTo(column[other])).FirstOrDefault(order => order != 0));
        for (int first = 0, end; first < keys.Length; first = end)
        {
            for (end = first + 1; end < keys.Length && keys[end] == keys[first]; end++)
            {
            }

            if (end - first > 1)
            {
                Array.Sort(rows, first, end - first, others);
            }
        }

        for (int column = 0; column < columns.Length; column++)
        {
            columns[column] = [.. rows.Select(row => columns[column][row])];
        }
    }

    // Row groups or record batches from everywhere, where each has keys from everywhere: of rows in the keys' order these would be some
    // places, and how the curve runs between them nobody would know.
    private SomeRows LookAtBlocks()
    {
        int[] blocks = [.. Paths.Select(BlocksOf)];
        long all = blocks.Sum(count => (long)count);
        long wanted = Math.Clamp(all / PartOfBlocks, FewestBlocks, PilotPlaces);
        while (wanted < all && !blocks.Contains(0))
        {
            try
            {
                List<double>[] kept = NewLists();
                (long rows, bool areSpread) = ReadBlocks(blocks, all, wanted, kept);
                if (!areSpread)
                {
                    break;
                }

                if (kept[0].Count >= PilotRows)
                {
                    return Some(kept, (long)((double)all / wanted * rows));
                }

                wanted = kept[0].Count == 0 ? all : 1 + (long)(1.1 * wanted * PilotRows / kept[0].Count);
            }
            catch (TableException e) when (e.Kind is not (TableProblem.NoColumn or TableProblem.ColumnTwice))
            {
                // What is wrong, and in which row, is known once all are read.
                break;
            }
        }

        return LookThrough();
    }

    private int BlocksOf(string path)
    {
        using TableRows rows = TableFile.Open(path, _csv);
        return rows is ColumnRows columns ? columns.Blocks : 0;
    }

    private (long Rows, bool AreSpread) ReadBlocks(int[] blocks, long all, long wanted, List<double>[] kept)
    {
        long[] chosen = [.. Enumerable.Range(0, (int)wanted).Select(i => ((2L * i) + 1) * all / (2 * wanted))];
        long rows = 0;
        long before = 0;
        List<double>[] widths = [.. Enumerable.Range(0, Features).Select(_ => new List<double>())];
        List<double>[] own = NewLists();
        foreach ((int file, string path) in Paths.Index())
        {
            long[] here = [.. chosen.Select(block => block - before).Where(block => block >= 0 && block < blocks[file])];
            before += blocks[file];
            if (here.Length == 0)
            {
                continue;
            }

            using var reader = (ColumnRows)TableFile.Open(path, _csv);
            Choose(reader, path);
            foreach (long block in here)
            {
                Array.ForEach(own, column => column.Clear());
                reader.Only((int)block);
                while (Read(reader, own, BatchRows) > 0)
                {
                }

                int step = (int)Math.Max(1, own[0].Count * wanted / (2 * PilotRows));
                for (int column = 0; column < own.Length; column++)
                {
                    double[] some = new double[((own[column].Count - 1) / step) + 1];
                    for (int i = 0; i < some.Length; i++)
                    {
                        some[i] = own[column][i * step];
                    }

                    kept[column].AddRange(some);
                    if (column < Features)
                    {
                        widths[column].Add(WidthOf(some));
                    }
                }

                rows += own[0].Count;
            }
        }

        return (rows, widths.Index().All(
            own => own.Item.Order().ElementAt(own.Item.Count / 2) >= WidthOf([.. kept[own.Index]]) / 2));
    }

    // Of eight tenths of the keys.
    private static double WidthOf(double[] keys)
    {
        Array.Sort(keys);
        return keys.Length == 0 ? 0 : keys[(keys.Length - 1) * 9 / 10] - keys[(keys.Length - 1) / 10];
    }

    // Every so many of all rows are kept: half of them as often as there are too many. One that stands for most of them all is not to be
    // the only one seen.
    private SomeRows LookThrough()
    {
        (_mostCopies, _copies) = (MostCopiesLookedAt, 0);
        List<double>[] kept = NewLists();
        long every = 1;
        long row = 0;
        foreach (RowBatch batch in Paths.SelectMany(path => Read(path)))
        {
            for (int i = 0; i < batch.Rows; i++)
            {
                if (row++ % every == 0)
                {
                    batch.AddTo(kept, i);
                }
            }

            if (kept[0].Count > 2 * PilotRows)
            {
                kept = [.. kept.Select(column => column.Where((_, i) => i % 2 == 0).ToList())];
                every *= 2;
            }
        }

        _areBeside = LeftOut.Beside > 0;
        (LeftOut, _mostCopies) = (default, double.PositiveInfinity);
        return Some(kept, _areCounted ? (long)_copies : row);
    }

    private SomeRows LookAtPlaces(long bytes)
    {
        List<double>[] values = NewLists();
        long seen = 0;
        foreach (string path in Paths)
        {
            using var stream = (FileStream)Open(path);
            long length = stream.Length;
            string header;
            using (var reader = new StreamReader(stream, Encoding.UTF8, true, 1 << 12, leaveOpen: true))
            {
                header = reader.ReadLine() ?? "";
            }

            int places = (int)Math.Max(1, PilotPlaces * length / bytes);
            int part = (int)Math.Min(length, BytesAtPlace);
            for (int i = 0; i < places && values[0].Count < PilotRows; i++)
            {
                byte[] block = new byte[part];
                stream.Position = places == 1 ? 0 : (length - part) / (places - 1) * i;
                int got = stream.ReadAtLeast(block, part, throwOnEndOfStream: false);
                int first = Array.IndexOf(block, (byte)'\n') + 1;
                int last = Array.LastIndexOf(block, (byte)'\n', Math.Max(0, got - 1));
                if (last <= first)
                {
                    continue;
                }

                seen += TryRead(path, $"{header}\n{Encoding.UTF8.GetString(block, first, last - first)}\n", values) ? last - first : 0;
            }
        }

        if (values[0].Count < 2)
        {
            // Text of another kind, or rows longer than a place: from the beginning then.
            using IEnumerator<RowBatch> batches = Read(Paths[0]).GetEnumerator();
            if (batches.MoveNext())
            {
                values = batches.Current.Columns;
            }

            LeftOut = default;
            return Some(values, RowsOfPipe);
        }

        return Some(values, (long)((double)bytes / seen * values[0].Count));
    }

    // A place may lie within a quotation, and what is wrong with a row is said when it is read in its turn.
    private bool TryRead(string path, string text, List<double>[] values)
    {
        int before = values[0].Count;
        try
        {
            using CsvRows rows = CsvRows.Open(new StringReader(text), path, _csv);
            Choose(rows, path);
            Read(rows, values, int.MaxValue);
            return values[0].Count > before;
        }
        catch (TableException e) when (e.Kind is not (TableProblem.NoColumn or TableProblem.ColumnTwice))
        {
            Array.ForEach(values, column => column.RemoveRange(before, column.Count - before));
            return false;
        }
    }
}
