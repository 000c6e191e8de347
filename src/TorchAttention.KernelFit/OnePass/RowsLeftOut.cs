namespace TorchAttention.Cli.OnePass;

/// <summary>Rows of files that do not count.</summary>
/// <param name="Missing">How many have no number where one is needed.</param>
/// <param name="Beside">How many others there are than count: those of weight 0; with frequencies less the copies.</param>
internal readonly record struct RowsLeftOut(long Missing, long Beside)
{
    public static RowsLeftOut operator +(RowsLeftOut one, RowsLeftOut other) =>
        new(one.Missing + other.Missing, one.Beside + other.Beside);
}
