namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// What was made of the cells asked for last: some megabytes, since rows of heavy tails have as many cells as rows. For questions that go
/// from cell to cell.
/// </summary>
/// <param name="make">Makes it of a cell's number.</param>
internal sealed class CellCache<T>(Func<long, T> make)
{
    private const int Most = 4096;

    private readonly Dictionary<long, T> _made = [];

    public T At(long cell)
    {
        if (!_made.TryGetValue(cell, out T? made))
        {
            if (_made.Count == Most)
            {
                _made.Clear();
            }

            _made[cell] = made = make(cell);
        }

        return made;
    }
}
