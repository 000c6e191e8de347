using System.Collections.Concurrent;
using System.Diagnostics;

namespace TorchAttention.Cluster;

/// <summary>
/// Where a silo pools: on threads of its own, one for each processor, so that the silo's answers to other silos never wait for sums.
/// </summary>
/// <param name="settings">How many questions may wait.</param>
internal sealed class PoolingThreads(ShardSettings settings) : IDisposable
{
    private const double LeastRetry = 0.02;
    private const double MostRetry = 2;

    // A thread made anew for each question costs as much as a small question itself.
    private readonly BlockingCollection<Action> _work = Start();
    private double _seconds = LeastRetry;
    private int _questions;
    private int _stopped;

    /// <summary>The questions at work, and those that wait.</summary>
    public int Questions => Volatile.Read(ref _questions);

    /// <summary>The questions that were given up while they were at work or waited.</summary>
    public int Stopped => Volatile.Read(ref _stopped);

    /// <summary>Whether another question would be told to come again.</summary>
    public bool IsFull => Questions >= settings.MostQuestions;

    /// <summary>That there is no room, and about how long it is until there is some.</summary>
    public Reply Busy()
    {
        double wait = Volatile.Read(ref _seconds) * Questions / Environment.ProcessorCount;
        return Reply.Later(
            $"a silo has {settings.MostQuestions} questions at work already",
            TimeSpan.FromSeconds(Math.Clamp(wait, LeastRetry, MostRetry)));
    }

    /// <summary>Answers when a thread is free, where there is room.</summary>
    public async Task<Reply> AnswerAsync(Func<byte[]> answer, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _questions) > settings.MostQuestions)
        {
            Interlocked.Decrement(ref _questions);
            return Busy();
        }

        try
        {
            return Reply.Of(await RunAsync(
                () =>
                {
                    long begun = Stopwatch.GetTimestamp();
                    byte[] bytes = answer();
                    Volatile.Write(ref _seconds, (Volatile.Read(ref _seconds) + Stopwatch.GetElapsedTime(begun).TotalSeconds) / 2);
                    return bytes;
                },
                cancellationToken));
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _stopped);
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _questions);
        }
    }

    /// <summary>Runs work when a thread is free.</summary>
    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        var waiting = new Waiting<T>(work);
        using CancellationTokenRegistration _ = cancellationToken.Register(() => waiting.GiveUp(cancellationToken));
        _work.Add(waiting.Run, CancellationToken.None);
        return await waiting.Done;
    }

    /// <inheritdoc/>
    public void Dispose() => _work.CompleteAdding();

    private static BlockingCollection<Action> Start()
    {
        var work = new BlockingCollection<Action>();
        for (int i = 0; i < Environment.ProcessorCount; i++)
        {
            var thread = new Thread(() =>
            {
                foreach (Action run in work.GetConsumingEnumerable())
                {
                    run();
                }
            })
            {
                IsBackground = true,
                Name = "pooling",
            };
            thread.Start();
        }

        return work;
    }

    // It is run or given up, whichever comes first; what has begun ends by itself.
    private sealed class Waiting<T>(Func<T> work)
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _isTaken;

        public Task<T> Done => _done.Task;

        public void GiveUp(CancellationToken cancellationToken)
        {
            if (Interlocked.Exchange(ref _isTaken, 1) == 0)
            {
                _done.SetCanceled(cancellationToken);
            }
        }

        public void Run()
        {
            if (Interlocked.Exchange(ref _isTaken, 1) != 0)
            {
                return;
            }

            try
            {
                _done.SetResult(work());
            }
            catch (Exception e)
            {
                _done.SetException(e);
            }
        }
    }
}
