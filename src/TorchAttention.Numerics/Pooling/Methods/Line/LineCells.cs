namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>The line cut into cells of equal width, of which those with keys are kept.</summary>
/// <remarks>
/// The width is a power of 2: cells and their centres are then exact, and so is a key's distance from its centre, wherever on the line it
/// is.
/// </remarks>
internal sealed unsafe class LineCells
{
    private LineCells(double width, long[] index, int[] start)
    {
        Width = width;
        Index = index;
        Start = start;
    }

    public double Width { get; }

    /// <summary>How many cells have keys.</summary>
    public int Count => Index.Length;

    /// <summary>The place of each cell on the line: it holds the numbers from index times width up to the next.</summary>
    public long[] Index { get; }

    /// <summary>Where the keys of each cell begin; one more than there are cells.</summary>
    public int[] Start { get; }

    /// <summary>The power of 2 above a quarter and up to half of the bandwidth.</summary>
    public static double WidthFor(double bandwidth) => Math.ScaleB(1, Math.ILogB(bandwidth) - 1);

    /// <summary>Whether numbers up to some size can be told apart by cells of a width.</summary>
    public static bool CanHold(double width, double largest) => width > 1e-290 && largest / width < 1L << 50;

    public static LineCells Split(SortedNumbers keys, double width)
    {
        List<long> indices = [];
        List<int> starts = [];
        double perWidth = 1 / width;
        for (int i = 0; i < keys.Count;)
        {
            long index = IndexOf(keys.Numbers[i], perWidth);
            indices.Add(index);
            starts.Add(i);
            i = keys.FirstNotBelowFrom(i + 1, (index + 1.0) * width);
        }

        return new LineCells(width, [.. indices], [.. starts, keys.Count]);
    }

    /// <summary>The place of the cell that holds a number.</summary>
    public long IndexOf(double number) => IndexOf(number, 1 / Width);

    // As exact as to divide, since a width is a power of 2.
    private static long IndexOf(double number, double perWidth) => (long)Math.Floor(number * perWidth);

    /// <summary>The middle of the cell at a place.</summary>
    public double CentreAt(long index) => (index + 0.5) * Width;

    /// <summary>The number of keys in a cell.</summary>
    public int CountIn(int cell) => Start[cell + 1] - Start[cell];

    /// <summary>The first cell that is not before a place.</summary>
    public int FirstFrom(long index)
    {
        int found = Array.BinarySearch(Index, index);
        return found >= 0 ? found : ~found;
    }
}
