namespace TorchAttention.Cli.Regression;

/// <summary>Rows without a target.</summary>
/// <param name="Places">Where they stand among all rows, ascending.</param>
/// <param name="X">Their keys (m, d).</param>
/// <param name="Groups">The group of each; none where there are no groups.</param>
internal sealed record UnansweredRows(int[] Places, double[] X, IReadOnlyList<string> Groups)
{
    public int Count => Places.Length;

    /// <summary>All rows in the file's order: the place among those with a target or without, and which of them.</summary>
    /// <param name="answered">How many have a target.</param>
    public IEnumerable<(int Row, bool IsAnswered)> InOrder(int answered)
    {
        int next = 0;
        for (int row = 0; row < answered + Count; row++)
        {
            bool isAnswered = next == Count || Places[next] != row;
            yield return (isAnswered ? row - next : next++, isAnswered);
        }
    }
}
