using System.Runtime.InteropServices;
using System.Text;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Files;
using TorchAttention.Numerics.OnePass;

namespace TorchAttention.Cli.OnePass;

/// <summary>Files of rows that are read once, a batch at a time: memory does not grow with them.</summary>
internal sealed class RowFiles
{
    private const int BatchRows = 1 << 16;

    /// <summary>A first look takes so many rows.</summary>
    public const int PilotRows = 100_000;
    private const int PilotPlaces = 64;
    private const int BytesAtPlace = 1 << 16;

    // A look at blocks of rows takes an eighth of them.
    private const int PartOfBlocks = 8;
    private const int FewestBlocks = 4;

    // Smaller files are looked at whole.
    private const long SmallFile = 8 << 20;

    /// <summary>How many rows come down a pipe nobody knows; cells for so many are not much too narrow or too wide for others.</summary>
    public const long RowsOfPipe = 10_000_000;

    private readonly string _data;
    private readonly string? _x;
    private readonly string? _y;
    private readonly string? _weights;
    private readonly CsvOptions _csv;
    private string[]? _columns;

    public RowFiles(string data, string? x, string? y, string? weights, CsvOptions csv)
    {
        (_data, _x, _y, _weights, _csv) = (data, x, y, weights, csv);
        if (x?.Contains(',', StringComparison.Ordinal) == true)
        {
            throw CliException.WrongInput($"--x: expected one column, as one pass over the rows has it, got '{PlainText.Brief(x)}'");
        }

        Paths = IsPattern(data) ? Matching(data) : [data];
        Name = data == Examples.Standard ? "stdin" : Path.GetFileNameWithoutExtension(Paths[0]);
        Source = data == Examples.Standard ? Examples.StandardInput : data;
        CanReadAgain = data != Examples.Standard && Paths.All(path => BuiltInTable.Find(path) is not null || IsPlainFile(path));
    }

    /// <summary>The files, in the order of their names.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>A short name for folders.</summary>
    public string Name { get; }

    /// <summary>What was asked for, for messages.</summary>
    public string Source { get; }

    /// <summary>How a file is written.</summary>
    public CsvOptions Csv => _csv;

    /// <summary>Whether the rows can be read a second time; those of a pipe cannot.</summary>
    public bool CanReadAgain { get; }

    /// <summary>The columns of key and value; known once a file was looked at.</summary>
    public (string X, string Y) Columns => (_columns![0], _columns[1]);

    /// <summary>The column of weights; null where rows have none.</summary>
    public string? Weights => _weights;

    /// <summary>Whether a name stands for several files.</summary>
    public static bool IsPattern(string data) => data.AsSpan().ContainsAny('*', '?') && !Path.Exists(data);

    /// <summary>The rows of a file.</summary>
    /// <param name="path">One of <see cref="Paths"/>.</param>
    /// <param name="read">Told the bytes read of it, now and then.</param>
    public IEnumerable<RowBatch> Read(string path, Action<long>? read)
    {
        using Stream? stream = TableFile.IsCsv(path) ? Open(path) : null;
        using TableRows rows = stream is null ? TableFile.Open(path, _csv) : CsvRows.Open(stream, NameOf(path), _csv);
        Choose(rows, path);
        List<double>[] now = NewLists();
        List<double>[] next = NewLists();
        Task<int> reading = Next(rows, next);
        while (true)
        {
            int count = Wait(reading);
            (now, next) = (next, now);
            if (count == 0)
            {
                break;
            }

            // The next rows are read while these are added up.
            long dropped = rows.DroppedRows;
            reading = Next(rows, next);
            yield return new RowBatch(now, dropped);
            if (read is not null && stream?.CanSeek == true)
            {
                read(stream.Position);
            }
        }

        Dropped += rows.DroppedRows;
    }

    /// <summary>How many rows with missing numbers were left out.</summary>
    public long Dropped { get; private set; }

    /// <summary>The bytes of all files; 0 where nobody knows.</summary>
    public long Bytes => CanReadAgain ? Paths.Where(IsPlainFile).Sum(path => new FileInfo(path).Length) : 0;

    /// <summary>Some rows from many places of files that can be read again, and how many there are in all, roughly.</summary>
    /// <exception cref="TableException">There are none, or a file is no such text.</exception>
    public SomeRows Look()
    {
        long bytes = Bytes;
        if (bytes <= SmallFile)
        {
            List<double>[] all = NewLists();
            foreach (RowBatch batch in Paths.SelectMany(path => Read(path, null)))
            {
                batch.AddTo(all);
            }

            Dropped = 0;
            return new SomeRows(all, all[0].Count);
        }

        return Paths.All(TableFile.IsCsv) ? LookAtPlaces(bytes) : LookAtBlocks();
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
                    return new SomeRows(kept, (long)((double)all / wanted * rows));
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
        List<double> widths = [];
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
                while (reader.Read(own, BatchRows) > 0)
                {
                }

                int step = (int)Math.Max(1, own[0].Count * wanted / (2 * PilotRows));
                double[] keys = [.. own[0].Where((_, row) => row % step == 0)];
                for (int column = 0; column < own.Length; column++)
                {
                    kept[column].AddRange(own[column].Where((_, row) => row % step == 0));
                }

                widths.Add(WidthOf(keys));
                rows += own[0].Count;
            }
        }

        return (rows, widths.Order().ElementAt(widths.Count / 2) >= WidthOf([.. kept[0]]) / 2);
    }

    // Of eight tenths of the keys.
    private static double WidthOf(double[] keys)
    {
        Array.Sort(keys);
        return keys.Length == 0 ? 0 : keys[(keys.Length - 1) * 9 / 10] - keys[(keys.Length - 1) / 10];
    }

    // Every so many of all rows are kept: half of them as often as there are too many.
    private SomeRows LookThrough()
    {
        List<double>[] kept = NewLists();
        long every = 1;
        long row = 0;
        foreach (RowBatch batch in Paths.SelectMany(path => Read(path, null)))
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

        Dropped = 0;
        return new SomeRows(kept, row);
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
            using IEnumerator<RowBatch> batches = Read(Paths[0], null).GetEnumerator();
            if (batches.MoveNext())
            {
                values = batches.Current.Columns;
            }

            Dropped = 0;
            return new SomeRows(values, RowsOfPipe);
        }

        return new SomeRows(values, (long)((double)bytes / seen * values[0].Count));
    }

    // A place may lie within a quotation, and what is wrong with a row is said when it is read in its turn.
    private bool TryRead(string path, string text, List<double>[] values)
    {
        int before = values[0].Count;
        try
        {
            using CsvRows rows = CsvRows.Open(new StringReader(text), path, _csv);
            Choose(rows, path);
            rows.Read(values, int.MaxValue);
            return values[0].Count > before;
        }
        catch (TableException e) when (e.Kind is not (TableProblem.NoColumn or TableProblem.ColumnTwice))
        {
            Array.ForEach(values, column => column.RemoveRange(before, column.Count - before));
            return false;
        }
    }

    private void Choose(TableRows rows, string path)
    {
        if (_columns is null)
        {
            (string[] features, string target) = Examples.Choose(
                BuiltInTable.Find(path), rows.Header, _x, _y, NameOf(path), _csv.Delimiter);
            _columns = features[0] == target
                ? throw CliException.WrongInput($"--x: expected another column than --y, got {PlainText.Brief(target)} for both")
                : _weights is null ? [features[0], target]
                : [features[0], target, _weights];
        }

        rows.Choose(_columns, notNegative: _weights);
    }

    private List<double>[] NewLists() => [.. Enumerable.Range(0, _weights is null ? 2 : 3).Select(_ => new List<double>())];

    private Task<int> Next(TableRows rows, List<double>[] values) => Task.Run(() =>
    {
        Array.ForEach(values, column => column.Clear());
        return Examples.ReadRows(rows, values, [], null, _columns![1], BatchRows);
    });

    private static int Wait(Task<int> reading) => reading.GetAwaiter().GetResult();

    private static Stream Open(string path) =>
        BuiltInTable.Find(path) is BuiltInTable table ? new MemoryStream(Encoding.UTF8.GetBytes(table.Open().ReadToEnd()))
        : path == Examples.Standard ? DataStream.OpenInput(Options.Data)
        : OpenFile(path);

    /// <summary>Opens a file.</summary>
    /// <exception cref="TableException">It is missing, or cannot be read.</exception>
    public static FileStream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TableException(TableProblem.NoFile, path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TableException(TableProblem.Unreadable, path, e) { Found = SystemReason.Describe(e) };
        }
    }

    private static string NameOf(string path) => path == Examples.Standard ? Examples.StandardInput : path;

    private static bool IsPlainFile(string path) => File.Exists(path) && !SpecialFile.Is(path);

    private static string[] Matching(string pattern)
    {
        string folder = Path.GetDirectoryName(pattern) is { Length: > 0 } named ? named : ".";
        if (folder.AsSpan().ContainsAny('*', '?'))
        {
            throw CliException.WrongInput($"--data: expected a pattern in the file's name alone, got '{PlainText.Brief(pattern)}'");
        }

        string[] paths = Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, Path.GetFileName(pattern)).Order(StringComparer.Ordinal)]
            : [];
        return paths.Length > 0 ? [.. paths.Select(path => folder == "." && !pattern.StartsWith('.') ? Path.GetFileName(path) : path)]
            : throw CliException.WrongInput($"--data: no file is called as '{PlainText.Brief(pattern)}' says");
    }
}

/// <summary>Some rows; lists that are used again for the next ones.</summary>
/// <param name="Columns">Keys, values, and weights where there are some.</param>
/// <param name="Dropped">How many rows of the file were left out so far.</param>
internal sealed record RowBatch(List<double>[] Columns, long Dropped)
{
    public int Rows => Columns[0].Count;

    public ReadOnlySpan<double> Keys => CollectionsMarshal.AsSpan(Columns[0]);

    public ReadOnlySpan<double> Values => CollectionsMarshal.AsSpan(Columns[1]);

    public ReadOnlySpan<double> Weights => Columns.Length > 2 ? CollectionsMarshal.AsSpan(Columns[2]) : [];

    /// <summary>Adds all rows to lists.</summary>
    public void AddTo(List<double>[] lists)
    {
        for (int column = 0; column < lists.Length; column++)
        {
            lists[column].AddRange(Columns[column]);
        }
    }

    /// <summary>Adds one row to lists.</summary>
    public void AddTo(List<double>[] lists, int row)
    {
        for (int column = 0; column < lists.Length; column++)
        {
            lists[column].Add(Columns[column][row]);
        }
    }
}

/// <summary>Rows from many places of files.</summary>
/// <param name="columns">Keys, values, and weights where there are some.</param>
/// <param name="rows">How many rows there are in all, roughly.</param>
internal sealed class SomeRows(List<double>[] columns, long rows)
{
    public double[] X { get; } = [.. columns[0]];

    public double[] Y { get; } = [.. columns[1]];

    public double[] Weights { get; } = columns.Length > 2 ? [.. columns[2]] : [];

    public long All { get; } = rows;

    /// <summary>How rows like these are cut.</summary>
    public MomentGrid Grid(double? cell, int degree) => MomentGrid.Choose(X, Y, All, cell, degree, Weights);
}
