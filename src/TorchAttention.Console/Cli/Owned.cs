namespace TorchAttention.Cli;

/// <summary>What a job holds until its end, given back in the opposite order.</summary>
internal sealed class Owned : IDisposable
{
    private readonly Stack<IDisposable> _all = [];

    public T Add<T>(T one)
        where T : IDisposable
    {
        _all.Push(one);
        return one;
    }

    public void Dispose()
    {
        // What fails to be given back keeps none of the others.
        if (_all.TryPop(out IDisposable? last))
        {
            try
            {
                last.Dispose();
            }
            finally
            {
                Dispose();
            }
        }
    }
}
