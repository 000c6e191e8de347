using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Moments of all rows of some files, and what else is known of these.</summary>
/// <typeparam name="T">Moments of one feature or of several.</typeparam>
/// <param name="Moments">The moments.</param>
/// <param name="Columns">The columns.</param>
/// <param name="LeftOut">How many rows do not count.</param>
/// <param name="Some">Some rows from many places; null for moments that were loaded.</param>
internal sealed record MomentsOfFiles<T>(T Moments, RowColumns Columns, RowsLeftOut LeftOut, SomeRows? Some)
    where T : class, IRowSums<T>
{
    private const string DroppedKey = "dropped_rows";
    private const string BesideKey = "rows_beside";

    /// <summary>How many rows the files have, less those with missing numbers.</summary>
    public long Rows => Moments.Count + LeftOut.Beside;

    /// <summary>Loads moments, and adds them.</summary>
    /// <param name="paths">Files that were saved.</param>
    /// <param name="loadOther">Loads a file of another kind; null where it is none.</param>
    /// <exception cref="StorageException">A file is missing, damaged or of another kind.</exception>
    /// <exception cref="CliException">They are of other columns, or cut otherwise.</exception>
    public static MomentsOfFiles<T> Load(IReadOnlyList<string> paths, Func<string, MomentsOfFiles<T>?>? loadOther = null)
    {
        MomentsOfFiles<T>? sum = null;
        foreach (string path in paths)
        {
            MomentsOfFiles<T> one = loadOther?.Invoke(path) ?? Load(path).Read;
            if (sum is null)
            {
                sum = one;
                continue;
            }

            SameMoments.Check((paths[0], sum.Columns.List), (path, one.Columns.List), one.Moments.IsCutAs(sum.Moments));
            sum.Moments.Merge(one.Moments);
            sum = sum with { LeftOut = sum.LeftOut + one.LeftOut };
        }

        return sum!;
    }

    /// <summary>Loads moments of one file.</summary>
    /// <returns>They, and all text that was saved with them.</returns>
    public static (MomentsOfFiles<T> Read, IReadOnlyDictionary<string, string> Notes) Load(string path)
    {
        (T moments, IReadOnlyDictionary<string, string> notes) = T.Load(path);
        return (new MomentsOfFiles<T>(moments, RowColumns.Of(notes), new RowsLeftOut(Number(DroppedKey), Number(BesideKey)), null), notes);

        long Number(string key) => long.TryParse(
            notes.GetValueOrDefault(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : 0;
    }

    /// <summary>Saves the moments.</summary>
    /// <param name="path">The file.</param>
    /// <param name="also">A key and a text that go with them; null for none.</param>
    public void Save(string path, (string Key, string Text)? also = null)
    {
        Dictionary<string, string> notes = Columns.ToNotes();
        notes[DroppedKey] = LeftOut.Missing.ToString(CultureInfo.InvariantCulture);
        if (LeftOut.Beside != 0)
        {
            notes[BesideKey] = LeftOut.Beside.ToString(CultureInfo.InvariantCulture);
        }

        if (also is var (key, text))
        {
            notes[key] = text;
        }

        Moments.Save(path, notes);
    }
}
