using TorchAttention.Cli.Runs;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Moments of all rows of some files, and what else is known of these.</summary>
/// <param name="Moments">The moments.</param>
/// <param name="X">The keys' column.</param>
/// <param name="Y">The values' columns, with commas between them.</param>
/// <param name="Dropped">How many rows were left out.</param>
/// <param name="SomeX">The keys of some rows from many places; none for moments that were loaded.</param>
/// <param name="SomeY">Their values (n, v).</param>
internal sealed record MomentsOfFiles(Moments Moments, string X, string Y, long Dropped, double[] SomeX, double[] SomeY)
{
    /// <summary>Where a run keeps the moments of the files that are read.</summary>
    public const string Folder = "moments";

    private const string Ending = ".moments";
    private const string WeightsKey = "weights";
    private const string XKey = "x";
    private const string YKey = "y";
    private const string DroppedKey = "dropped_rows";
    private const string FileKey = "file";

    /// <summary>The column of weights; null where rows have none.</summary>
    public string? Weights { get; init; }

    private string ColumnList => PlainText.List(Weights is null ? [X, Y] : [X, Y, Weights]);

    /// <summary>Text that goes with saved moments.</summary>
    public Dictionary<string, string> Notes
    {
        get
        {
            var notes = new Dictionary<string, string>
            {
                [XKey] = X,
                [YKey] = Y,
                [DroppedKey] = Dropped.ToString(CultureInfo.InvariantCulture),
            };
            if (Weights is not null)
            {
                notes[WeightsKey] = Weights;
            }

            return notes;
        }
    }

    /// <summary>Reads rows once.</summary>
    /// <param name="files">The files.</param>
    /// <param name="grid">How they are to be cut; by a first look where null.</param>
    /// <param name="cut">How they are cut where there is no grid.</param>
    /// <param name="directory">Where moments of each of several files are kept, so that the next try goes on; null for nowhere.</param>
    /// <param name="progress">Told the part read.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static MomentsOfFiles Read(
        RowFiles files,
        MomentGrid? grid,
        Cut cut,
        RunDirectory? directory,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        if (!files.CanReadAgain)
        {
            return ReadPipes(files, grid, cut, cancellationToken);
        }

        SomeRows some = files.Look();
        if (some.X.Length == 0)
        {
            throw new TableException(TableProblem.Empty, files.Source) { Expected = "data below the header row", Found = "none" };
        }

        string? folder = directory is not null && files.Paths.Count > 1 ? Path.Combine(directory.Path, Folder) : null;
        grid ??= folder is null ? Choose() : KeptGrid(folder, directory!, cut, Choose, files);
        var all = new Moments(grid);
        long dropped = 0;
        long before = 0;
        long bytes = files.Bytes;
        foreach ((int index, string path) in files.Paths.Index())
        {
            string? kept = folder is null ? null : Path.Combine(folder, $"{index:0000}-{Path.GetFileName(path)}{Ending}");
            string stamp = Stamp(path);
            if (kept is not null && Kept(kept) is var (known, notes)
                && notes.GetValueOrDefault(FileKey) == stamp && notes.GetValueOrDefault(XKey) == files.Columns.X
                && notes.GetValueOrDefault(YKey) == files.Columns.Y && notes.GetValueOrDefault(WeightsKey) == files.Weights
                && known.Grid.Equals(grid))
            {
                all.Merge(known);
                dropped += long.Parse(notes[DroppedKey], CultureInfo.InvariantCulture);
            }
            else
            {
                var own = kept is null ? all : new Moments(grid);
                long lost = Add(own, files.Read(path, Tell), path, cancellationToken);
                dropped += lost;
                if (kept is not null)
                {
                    var said = new MomentsOfFiles(own, files.Columns.X, files.Columns.Y, lost, [], []) { Weights = files.Weights };
                    directory!.Write(() => own.Save(kept, new Dictionary<string, string>(said.Notes) { [FileKey] = stamp }));
                    all.Merge(own);
                }
            }

            before += File.Exists(path) ? new FileInfo(path).Length : 0;
        }

        return new MomentsOfFiles(all, files.Columns.X, files.Columns.Y, dropped, some.X, some.Y) { Weights = files.Weights };

        MomentGrid Choose() => some.Grid(cut);

        void Tell(long read) => progress?.Report((before + read) / Math.Max(1.0, bytes));
    }

    /// <summary>Loads moments, and adds them.</summary>
    /// <param name="paths">Files that were saved, or answers of databases.</param>
    /// <param name="x">The keys' column, which an answer does not say.</param>
    /// <param name="y">The values' column.</param>
    /// <exception cref="StorageException">A file is missing, damaged or of another kind.</exception>
    /// <exception cref="CliException">They are of other columns, or cut otherwise.</exception>
    public static MomentsOfFiles Load(IReadOnlyList<string> paths, string? x = null, string? y = null)
    {
        MomentsOfFiles? sum = null;
        foreach (string path in paths)
        {
            MomentsOfFiles one = LoadOne(path, x, y);
            if (sum is null)
            {
                sum = one;
                continue;
            }

            SameMoments.Check(
                (paths[0], sum.ColumnList), (path, one.ColumnList), one.Moments.Grid.Equals(sum.Moments.Grid));
            sum.Moments.Merge(one.Moments);
            sum = sum with { Dropped = sum.Dropped + one.Dropped };
        }

        return sum!;
    }

    private static MomentsOfFiles LoadOne(string path, string? x, string? y)
    {
        if (path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase))
        {
            return new MomentsOfFiles(ReadAnswer(path), x ?? "x", y ?? "y", 0, [], []);
        }

        (Moments moments, IReadOnlyDictionary<string, string> notes) = Moments.Load(path);
        _ = long.TryParse(notes.GetValueOrDefault(DroppedKey, "0"), NumberStyles.None, CultureInfo.InvariantCulture, out long dropped);
        return new MomentsOfFiles(moments, notes.GetValueOrDefault(XKey, "x"), notes.GetValueOrDefault(YKey, "y"), dropped, [], [])
        {
            Weights = notes.GetValueOrDefault(WeightsKey),
        };
    }

    // The answer of a database to the query of moments --sql.
    private static Moments ReadAnswer(string path)
    {
        using var reader = new StreamReader(RowFiles.OpenFile(path));
        return MomentQuery.Read(reader, path);
    }

    private static MomentsOfFiles ReadPipes(RowFiles files, MomentGrid? grid, Cut cut, CancellationToken cancellationToken)
    {
        List<double>[]? first = null;
        Moments? moments = grid is null ? null : new Moments(grid);
        foreach (string path in files.Paths)
        {
            foreach (RowBatch batch in files.Read(path, null))
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

        if (moments is null)
        {
            moments = first?[0].Count > 0 ? Begin(first[0].Count)
                : throw new TableException(TableProblem.Empty, files.Source) { Expected = "data below the header row", Found = "none" };
        }

        SomeRows? looked = first is null ? null : files.Some(first, first[0].Count);
        return new MomentsOfFiles(moments, files.Columns.X, files.Columns.Y, files.Dropped, looked?.X ?? [], looked?.Y ?? [])
        {
            Weights = files.Weights,
        };

        Moments Begin(long rows)
        {
            SomeRows some = files.Some(first!, rows);
            var begun = new Moments(some.Grid(cut));
            if (some.Labels is null)
            {
                begun.Add(some.X, some.Y, some.Weights);
            }
            else
            {
                begun.AddClasses(some.X, some.Labels, some.Weights);
            }

            return begun;
        }
    }

    private static long Add(Moments moments, IEnumerable<RowBatch> batches, string path, CancellationToken cancellationToken)
    {
        long dropped = 0;
        foreach (RowBatch batch in batches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Add(moments, batch, path);
            dropped = batch.Dropped;
        }

        return dropped;
    }

    private static void Add(Moments moments, RowBatch batch, string path)
    {
        try
        {
            if (batch.Labels is null)
            {
                moments.Add(batch.Keys, batch.Values, batch.Weights);
            }
            else
            {
                moments.AddClasses(batch.Keys, batch.Labels, batch.Weights);
            }
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, path, e) { Expected = e.Expected, Found = e.Got };
        }
    }

    // Of a run that was interrupted. Rows whose moments are damaged are read again.
    private static (Moments Moments, IReadOnlyDictionary<string, string> Notes)? Kept(string path)
    {
        try
        {
            return File.Exists(path) ? Moments.Load(path) : null;
        }
        catch (StorageException)
        {
            return null;
        }
    }

    // A first look at other rows, as when a file has come, would cut them otherwise.
    private static MomentGrid KeptGrid(
        string folder, RunDirectory directory, Cut cut, Func<MomentGrid> choose, RowFiles files)
    {
        string path = Path.Combine(folder, $"grid{Ending}");
        if (Kept(path) is var (known, notes) && notes.GetValueOrDefault(XKey) == files.Columns.X
            && notes.GetValueOrDefault(YKey) == files.Columns.Y
            && known.Grid.HasClasses == files.AreClasses && known.Grid.Folds == cut.Folds
            && known.Grid.Degree >= cut.Degree && notes.GetValueOrDefault(WeightsKey) == files.Weights
            && (cut.Cell is null || Math.ILogB(cut.Cell.Value) == known.Grid.Exponent))
        {
            return known.Grid;
        }

        MomentGrid grid = choose();
        directory.Write(() =>
        {
            Directory.CreateDirectory(folder);
            var none = new Moments(grid);
            none.Save(path, new MomentsOfFiles(none, files.Columns.X, files.Columns.Y, 0, [], []) { Weights = files.Weights }.Notes);
        });
        return grid;
    }

    // What tells that a file is the one that was read.
    private static string Stamp(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? string.Create(CultureInfo.InvariantCulture, $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}") : path;
    }
}
