using TorchAttention.Cli.Runs;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Reads rows once, and keeps the moments of each of several files on the way, so that the next try goes on there.</summary>
/// <typeparam name="T">Moments of one feature or of several.</typeparam>
/// <param name="files">The rows.</param>
/// <param name="choose">Moments of no rows, cut as some of them ask for.</param>
/// <param name="isSo">Whether moments that were kept are cut as is asked for now.</param>
internal sealed class MomentFiles<T>(RowFiles files, Func<SomeRows, T> choose, Func<T, bool> isSo)
    where T : class, IRowSums<T>
{
    private const string Ending = ".moments";
    private const string FileKey = "file";

    /// <summary>Reads.</summary>
    /// <param name="like">Moments that these are to be cut as; by a first look where null.</param>
    /// <param name="directory">Where moments of each of several files are kept; null for nowhere.</param>
    /// <param name="progress">Told the part read.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public MomentsOfFiles<T> Read(T? like, RunDirectory? directory, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        if (!files.CanReadAgain)
        {
            return ReadPipes(like, cancellationToken);
        }

        SomeRows? some = like is null ? files.Look() : null;
        if (some is { X.Length: 0 })
        {
            throw Empty();
        }

        string? folder = directory is not null && files.Paths.Count > 1 ? Path.Combine(directory.Path, MomentFiles.Folder) : null;
        T all = like?.Empty() ?? (folder is null ? choose(some!) : Kept(folder, directory!, some!));
        if (some is { IsAll: true } && folder is null)
        {
            Add(all, some, files.Source);
            return new MomentsOfFiles<T>(all, files.Columns, some.LeftOut, some);
        }

        var leftOut = default(RowsLeftOut);
        long before = 0;
        long bytes = files.Bytes;
        ShardsAhead? shards = files.Cluster is null ? null : new ShardsAhead(files, ShardMoments.ToBytes(all.Empty()), cancellationToken);
        foreach ((int index, string path) in files.Paths.Index())
        {
            string? kept = folder is null ? null : Path.Combine(folder, $"{index:0000}-{Path.GetFileName(path)}{Ending}");
            string stamp = Stamp(path);
            if (kept is not null && Load(kept) is var (known, notes) && notes.GetValueOrDefault(FileKey) == stamp
                && known.Columns.List == files.Columns.List && known.Moments.IsCutAs(all))
            {
                all.Merge(known.Moments);
                leftOut += known.LeftOut;
            }
            else
            {
                bool isPart = kept is not null || shards is not null;
                T own = shards is not null ? ShardMoments.Read<T>(shards.Take(index))
                    : isPart ? all.Empty()
                    : all;
                RowsLeftOut lost = shards is not null ? default
                    : ReadFile(own, path, read => progress?.Report((before + read) / Math.Max(1.0, bytes)), cancellationToken);
                leftOut += lost;
                if (kept is not null)
                {
                    directory!.Write(() => new MomentsOfFiles<T>(own, files.Columns, lost, null).Save(kept, (FileKey, stamp)));
                }

                if (isPart)
                {
                    all.Merge(own);
                }

                if (shards is not null)
                {
                    progress?.Report((index + 1.0) / files.Paths.Count);
                }
            }

            before += File.Exists(path) ? new FileInfo(path).Length : 0;
        }

        return all.Count > 0 ? new MomentsOfFiles<T>(all, files.Columns, leftOut, some) : throw Empty();
    }

    private TableException Empty() =>
        new(TableProblem.Empty, files.Source)
        {
            Expected = files.AreBeside ? "rows of a positive weight" : "data below the header row",
            Found = "none",
        };

    // A pipe has no first look: its first rows have to do.
    private MomentsOfFiles<T> ReadPipes(T? like, CancellationToken cancellationToken)
    {
        List<double>[]? first = null;
        T? moments = like?.Empty();
        foreach (string path in files.Paths)
        {
            foreach (RowBatch batch in files.Read(path))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (moments is not null)
                {
                    Add(moments, batch, path);
                    continue;
                }

                first ??= [.. batch.Columns.Select(_ => new List<double>())];
                batch.AddTo(first);
                if (first[0].Count >= RowFiles.PilotRows)
                {
                    moments = Begin(RowFiles.RowsOfPipe);
                }
            }
        }

        moments ??= first?[0].Count > 0 ? Begin(first[0].Count) : throw Empty();
        return new MomentsOfFiles<T>(moments, files.Columns, files.LeftOut, first is null ? null : files.Some(first, first[0].Count));

        T Begin(long rows)
        {
            SomeRows some = files.Some(first!, rows);
            T begun = choose(some);
            Add(begun, some, files.Source);
            return begun;
        }
    }

    private RowsLeftOut ReadFile(T moments, string path, Action<long> read, CancellationToken cancellationToken)
    {
        var leftOut = default(RowsLeftOut);
        foreach (RowBatch batch in files.Read(path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Add(moments, batch, path);
            leftOut = batch.LeftOut;
            read(batch.BytesRead);
        }

        return leftOut;
    }

    private void Add(T moments, RowBatch batch, string path) =>
        Named(path, () => moments.Add(batch.Keys, batch.Values, batch.Labels, batch.Weights));

    private void Add(T moments, SomeRows some, string path) =>
        Named(path, () => moments.Add(some.X, some.Y, some.Labels, some.Weights));

    private void Named(string path, Action add)
    {
        try
        {
            add();
        }
        catch (RegressionDataException e)
        {
            throw files.Unusable(e, path);
        }
    }

    // Of a run that was interrupted. Rows whose moments are damaged are read again.
    private static (MomentsOfFiles<T> Read, IReadOnlyDictionary<string, string> Notes)? Load(string path)
    {
        try
        {
            return File.Exists(path) ? MomentsOfFiles<T>.Load(path) : null;
        }
        catch (StorageException)
        {
            return null;
        }
    }

    // A first look at other rows, as when a file has come, would cut them otherwise.
    private T Kept(string folder, RunDirectory directory, SomeRows some)
    {
        string path = Path.Combine(folder, $"grid{Ending}");
        if (Load(path) is var (known, _) && known.Columns.List == files.Columns.List && isSo(known.Moments))
        {
            return known.Moments.Empty();
        }

        T none = choose(some);
        directory.Write(() =>
        {
            Directory.CreateDirectory(folder);
            new MomentsOfFiles<T>(none, files.Columns, default, null).Save(path);
        });
        return none;
    }

    // What tells that a file is the one that was read.
    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? string.Create(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}") : path;
    }
}

/// <summary>Moments that silos make of some of the next shards while those before are added.</summary>
internal sealed class ShardsAhead(RowFiles files, byte[] grid, CancellationToken cancellationToken)
{
    private const int Ahead = 8;

    private readonly Task<byte[]>?[] _asked = new Task<byte[]>?[files.Paths.Count];

    /// <summary>Those of a shard.</summary>
    public byte[] Take(int shard)
    {
        for (int next = shard; next < Math.Min(_asked.Length, shard + Ahead); next++)
        {
            _asked[next] ??= files.MomentsAsync(next, grid, cancellationToken);
        }

        byte[] taken = _asked[shard]!.GetAwaiter().GetResult();
        _asked[shard] = null;
        return taken;
    }
}

/// <summary>Moments of one feature, and of several.</summary>
internal static class MomentFiles
{
    /// <summary>Where a run keeps the moments of the files that are read.</summary>
    public const string Folder = "moments";

    /// <summary>Of one feature.</summary>
    public static MomentFiles<Moments> OfCells(RowFiles files, Cut cut) => new(
        files,
        some => new Moments(some.Grid(cut)),
        kept => kept.Grid.HasClasses == files.AreClasses && kept.Grid.Folds == cut.Folds && kept.Grid.Degree >= cut.Degree
            && (cut.Cell is null || Math.ILogB(cut.Cell.Value) == kept.Grid.Exponent));

    /// <summary>Of several features.</summary>
    public static MomentFiles<BoxMoments> OfBoxes(RowFiles files, Cut cut) => new(
        files,
        some => new BoxMoments(some.Boxes(cut)),
        kept => kept.Grid.HasClasses == files.AreClasses && kept.Grid.Folds == cut.Folds
            && (cut.Cells is null || kept.Grid.Widths.Index().All(
                width => Math.ILogB(cut.Cells[cut.Cells.Length == 1 ? 0 : width.Index]) == Math.ILogB(width.Item))));

    /// <summary>Whether a file is one of moments of several features.</summary>
    public static bool AreOfBoxes(string path)
    {
        try
        {
            if (IsAnswer(path))
            {
                using StreamReader? reader = File.Exists(path) ? new StreamReader(RowFiles.OpenFile(path)) : null;
                return BoxQuery.IsAnswer(reader?.ReadLine());
            }

            return SafeTensorsFile.ReadMetadata(path).GetValueOrDefault("model") == BoxMoments.ModelName;
        }
        catch (StorageException)
        {
            // What is wrong is said when it is loaded.
            return false;
        }
    }

    /// <summary>Loads moments of one feature, of files that were saved or of answers of databases, and adds them.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="x">The keys' column, which an answer does not say.</param>
    /// <param name="y">The values' column.</param>
    public static MomentsOfFiles<Moments> LoadCells(IReadOnlyList<string> paths, string? x = null, string? y = null) =>
        MomentsOfFiles<Moments>.Load(paths, path => Answer(path, MomentQuery.Read, moments => (1, moments.Grid.Columns), x, y));

    /// <summary>Loads moments of several features.</summary>
    /// <inheritdoc cref="LoadCells" path="/param"/>
    public static MomentsOfFiles<BoxMoments> LoadBoxes(IReadOnlyList<string> paths, string? x = null, string? y = null) =>
        MomentsOfFiles<BoxMoments>.Load(
            paths, path => Answer(path, BoxQuery.Read, moments => (moments.Grid.Features, moments.Grid.Columns), x, y));

    private static bool IsAnswer(string path) => path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase);

    private static MomentsOfFiles<T>? Answer<T>(
        string path, Func<TextReader, string, T> read, Func<T, (int Features, int Columns)> sizes, string? x, string? y)
        where T : class, IRowSums<T>
    {
        if (!IsAnswer(path))
        {
            return null;
        }

        using var reader = new StreamReader(RowFiles.OpenFile(path));
        T moments = read(reader, path);
        (int features, int columns) = sizes(moments);
        Check("--x", x, features);
        Check("--y", y, columns);
        return new MomentsOfFiles<T>(moments, new RowColumns(x ?? (features == 1 ? "x" : "x1,x2"), y ?? "y", null, []), default, null);

        // An answer has sums of so many columns, without their names.
        void Check(string option, string? names, int count)
        {
            if (names is not null && names.Split(',').Length is int named && named != count)
            {
                throw CliException.WrongInput($"{option}: expected {count} as in the answer {PlainText.Brief(path)}, got {named}: "
                    + $"'{PlainText.Brief(names)}'");
            }
        }
    }
}
