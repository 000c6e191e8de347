using System.Runtime.ExceptionServices;

namespace TorchAttention.Numerics.Pooling;

/// <summary>Runs the parts of a job on some threads, each with memory of its own, and tells how far it is.</summary>
internal sealed class Work(int threads, IProgress<double>? progress, CancellationToken cancellationToken)
{
    /// <summary>Runs every part.</summary>
    /// <param name="parts">How many parts there are.</param>
    /// <param name="run">Runs one part.</param>
    public void ForEach(int parts, Action<int> run) => ForEach(parts, () => new NoState(), (part, _) => run(part));

    /// <summary>Runs every part.</summary>
    /// <typeparam name="TState">What a thread keeps for itself.</typeparam>
    /// <param name="parts">How many parts there are.</param>
    /// <param name="create">Makes a thread's memory.</param>
    /// <param name="run">Runs one part.</param>
    public void ForEach<TState>(int parts, Func<TState> create, Action<int, TState> run)
        where TState : IDisposable
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (threads == 1 || parts == 1)
        {
            using TState state = create();
            for (int part = 0; part < parts; part++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                run(part, state);
                progress?.Report((part + 1.0) / parts);
            }

            return;
        }

        int done = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken };
        try
        {
            Parallel.For(
                0,
                parts,
                options,
                create,
                (part, _, state) =>
                {
                    run(part, state);
                    progress?.Report((double)Interlocked.Increment(ref done) / parts);
                    return state;
                },
                state => state.Dispose());
        }
        catch (AggregateException e)
        {
            // What went wrong is the same on every thread that it happened to.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    private sealed class NoState : IDisposable
    {
        public void Dispose()
        {
            // Nothing is kept.
        }
    }
}
