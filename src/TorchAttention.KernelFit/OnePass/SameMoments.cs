namespace TorchAttention.Cli.OnePass;

/// <summary>What moments of several files must have in common to be added.</summary>
internal static class SameMoments
{
    /// <summary>Refuses a file that does not add up with the first one.</summary>
    /// <param name="first">The first file, and the columns that its moments are of.</param>
    /// <param name="other">This one.</param>
    /// <param name="isCutAlike">Whether both have one grid.</param>
    /// <exception cref="CliException">It is of other columns, or cut otherwise.</exception>
    public static void Check((string Path, string Columns) first, (string Path, string Columns) other, bool isCutAlike)
    {
        (string firstPath, string path) = (PlainText.Brief(first.Path), PlainText.Brief(other.Path));
        if (first.Columns != other.Columns)
        {
            throw CliException.WrongInput(
                $"--moments: expected moments of the columns {first.Columns} as in {firstPath}, got {other.Columns} in {path}");
        }

        if (!isCutAlike)
        {
            throw CliException.WrongInput(
                $"--moments: {path} is cut otherwise than {firstPath}; make it with --grid {firstPath}");
        }
    }
}
