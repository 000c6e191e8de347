using System.Collections.Concurrent;

namespace TorchAttention.Cli.OnePass;

/// <summary>Makes items on another thread while those before are used.</summary>
internal static class ReadAhead
{
    /// <summary>How many items there are at once: those that wait, the one that is used and the one that is made.</summary>
    /// <param name="most">The most that wait.</param>
    public static int Held(int most) => most + 2;

    /// <summary>The items, in their order. What fails is thrown where the item that failed would have come.</summary>
    /// <param name="items">Makes the items; it is left where the items are.</param>
    /// <param name="most">The most that wait to be used.</param>
    public static IEnumerable<T> Of<T>(IEnumerable<T> items, int most)
    {
        // Whoever makes the items may ask for the token after this has ended: there is nothing to dispose of.
        var stop = new CancellationTokenSource();
        var ready = new BlockingCollection<T>(most);
        Task making = Task.Run(() =>
        {
            try
            {
                foreach (T item in items)
                {
                    ready.Add(item, stop.Token);
                }
            }
            finally
            {
                ready.CompleteAdding();
            }
        });
        try
        {
            foreach (T item in ready.GetConsumingEnumerable())
            {
                yield return item;
            }

            making.GetAwaiter().GetResult();
        }
        finally
        {
            stop.Cancel();
        }
    }
}
