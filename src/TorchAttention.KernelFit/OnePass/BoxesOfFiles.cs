using TorchAttention.Cli.Regression;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Moments of several features of all rows of some files, and what else is known of these.</summary>
/// <param name="Moments">The moments.</param>
/// <param name="X">The keys' columns, with commas between them.</param>
/// <param name="Y">The values' column.</param>
/// <param name="Dropped">How many rows were left out.</param>
/// <param name="Some">Some rows from many places; null for moments that were loaded.</param>
internal sealed record BoxesOfFiles(BoxMoments Moments, string X, string Y, long Dropped, SomeRows? Some)
{
    private const string XKey = "x";
    private const string YKey = "y";
    private const string DroppedKey = "dropped_rows";

    private string ColumnList => PlainText.List([X, Y]);

    /// <summary>The names of the features.</summary>
    public string[] Features => ModelNotes.Split(X, Moments.Grid.Features);

    /// <summary>Whether a file is one of moments of several features.</summary>
    public static bool IsKnown(string path)
    {
        try
        {
            return !path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase)
                && SafeTensorsFile.Read(path).Metadata.GetValueOrDefault("model") == BoxMoments.ModelName;
        }
        catch (StorageException)
        {
            // What is wrong is said when it is loaded.
            return false;
        }
    }

    /// <summary>Reads rows once.</summary>
    /// <param name="files">The files.</param>
    /// <param name="grid">How they are to be cut; by a first look where null.</param>
    /// <param name="cut">How they are cut where there is no grid.</param>
    /// <param name="progress">Told the part read.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static BoxesOfFiles Read(
        RowFiles files, BoxGrid? grid, Cut cut, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        SomeRows? some = files.CanReadAgain ? files.Look() : null;
        BoxMoments? moments = grid is not null ? new BoxMoments(grid) : some?.X.Length > 0 ? new BoxMoments(some.Boxes(cut)) : null;
        List<double>[]? first = null;
        long dropped = 0;
        long before = 0;
        foreach (string path in files.Paths)
        {
            long ofFile = 0;
            foreach (RowBatch batch in files.Read(path, read => progress?.Report((before + read) / Math.Max(1.0, files.Bytes))))
            {
                cancellationToken.ThrowIfCancellationRequested();
                ofFile = batch.Dropped;
                if (moments is not null)
                {
                    Add(moments, batch.Keys, batch.Values, path);
                    continue;
                }

                // Of a pipe, which has no first look: its first rows.
                first ??= [.. batch.Columns.Select(_ => new List<double>())];
                batch.AddTo(first);
                if (first[0].Count >= RowFiles.PilotRows)
                {
                    Begin(RowFiles.RowsOfPipe, path);
                }
            }

            dropped += ofFile;
            before += File.Exists(path) ? new FileInfo(path).Length : 0;
        }

        if (moments is null && first?[0].Count > 0)
        {
            Begin(first[0].Count, files.Source);
        }

        return moments is { Count: > 0 } ? new BoxesOfFiles(moments, files.Columns.X, files.Columns.Y, dropped, some)
            : throw new TableException(TableProblem.Empty, files.Source) { Expected = "data below the header row", Found = "none" };

        void Begin(long rows, string path)
        {
            some = files.Some(first!, rows);
            moments = new BoxMoments(some.Boxes(cut));
            Add(moments, some.X, some.Y, path);
        }
    }

    /// <summary>Loads moments, and adds them.</summary>
    /// <param name="paths">Files that were saved.</param>
    /// <exception cref="StorageException">A file is missing, damaged or of another kind.</exception>
    /// <exception cref="CliException">They are of other columns, or cut otherwise.</exception>
    public static BoxesOfFiles Load(IReadOnlyList<string> paths)
    {
        BoxesOfFiles? sum = null;
        foreach (string path in paths)
        {
            (BoxMoments moments, IReadOnlyDictionary<string, string> notes) = BoxMoments.Load(path);
            _ = long.TryParse(notes.GetValueOrDefault(DroppedKey, "0"), NumberStyles.None, CultureInfo.InvariantCulture, out long dropped);
            var one = new BoxesOfFiles(moments, notes.GetValueOrDefault(XKey, "x"), notes.GetValueOrDefault(YKey, "y"), dropped, null);
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

    /// <summary>Saves the moments.</summary>
    public void Save(string path) => Moments.Save(path, new Dictionary<string, string>
    {
        [XKey] = X,
        [YKey] = Y,
        [DroppedKey] = Dropped.ToString(CultureInfo.InvariantCulture),
    });

    private static void Add(BoxMoments moments, ReadOnlySpan<double> keys, ReadOnlySpan<double> values, string path)
    {
        try
        {
            moments.Add(keys, values);
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, path, e) { Expected = e.Expected, Found = e.Got };
        }
    }
}
