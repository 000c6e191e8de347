using System.Runtime.InteropServices;

namespace TorchAttention.Cli.OnePass;

/// <summary>Rows that stand for as many as their frequencies say, some at a time.</summary>
/// <param name="read">Lists of the numbers of rows, the last of them the frequencies.</param>
/// <param name="more">Reads some rows into them.</param>
/// <param name="mostOfRow">A row has at most so many copies.</param>
internal sealed class RowCopies(List<double>[] read, Func<List<double>[], int> more, double mostOfRow)
{
    private int _row;
    private double _left;
    private long _beside;

    /// <summary>What the frequencies add up to so far.</summary>
    public double Total { get; private set; }

    /// <summary>How many more rows than copies there were since this was asked last.</summary>
    public long TakeBeside()
    {
        (long beside, _beside) = (_beside, 0);
        return beside;
    }

    /// <summary>Adds copies to lists, of all columns but the frequencies.</summary>
    /// <param name="lists">The lists.</param>
    /// <param name="most">At most so many.</param>
    /// <returns>How many; none at the end.</returns>
    public int AddTo(List<double>[] lists, int most)
    {
        while (lists[0].Count < most)
        {
            if (_left == 0 && !Next())
            {
                break;
            }

            int some = (int)Math.Min(_left, most - lists[0].Count);
            for (int column = 0; column < lists.Length; column++)
            {
                List<double> list = lists[column];
                CollectionsMarshal.SetCount(list, list.Count + some);
                CollectionsMarshal.AsSpan(list)[^some..].Fill(read[column][_row - 1]);
            }

            _left -= some;
            _beside -= some;
        }

        return lists[0].Count;
    }

    // The next row that stands for some.
    private bool Next()
    {
        while (_left == 0)
        {
            if (_row == read[^1].Count)
            {
                Array.ForEach(read, column => column.Clear());
                _row = 0;
                if (more(read) == 0)
                {
                    return false;
                }
            }

            double frequency = read[^1][_row++];
            Total += frequency;
            _left = Math.Min(frequency, mostOfRow);
            _beside++;
        }

        return true;
    }
}
