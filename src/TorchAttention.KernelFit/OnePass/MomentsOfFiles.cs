using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Moments of all rows of some files, and what else is known of these.</summary>
/// <typeparam name="T">Moments of one feature or of several.</typeparam>
/// <param name="Moments">The moments.</param>
/// <param name="Columns">The columns.</param>
/// <param name="Dropped">How many rows were left out.</param>
/// <param name="Some">Some rows from many places; null for moments that were loaded.</param>
internal sealed record MomentsOfFiles<T>(T Moments, RowColumns Columns, long Dropped, SomeRows? Some)
    where T : class, IRowSums<T>
{
    private const string DroppedKey = "dropped_rows";

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
            sum = sum with { Dropped = sum.Dropped + one.Dropped };
        }

        return sum!;
    }

    /// <summary>Loads moments of one file.</summary>
    /// <returns>They, and all text that was saved with them.</returns>
    public static (MomentsOfFiles<T> Read, IReadOnlyDictionary<string, string> Notes) Load(string path)
    {
        (T moments, IReadOnlyDictionary<string, string> notes) = T.Load(path);
        _ = long.TryParse(notes.GetValueOrDefault(DroppedKey, "0"), NumberStyles.None, CultureInfo.InvariantCulture, out long dropped);
        return (new MomentsOfFiles<T>(moments, RowColumns.Of(notes), dropped, null), notes);
    }

    /// <summary>Saves the moments.</summary>
    /// <param name="path">The file.</param>
    /// <param name="also">A key and a text that go with them; null for none.</param>
    public void Save(string path, (string Key, string Text)? also = null)
    {
        Dictionary<string, string> notes = Columns.ToNotes();
        notes[DroppedKey] = Dropped.ToString(CultureInfo.InvariantCulture);
        if (also is var (key, text))
        {
            notes[key] = text;
        }

        Moments.Save(path, notes);
    }
}
