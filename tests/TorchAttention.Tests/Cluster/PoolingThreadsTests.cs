using TorchAttention.Cluster;

namespace TorchAttention.Tests.Cluster;

/// <summary>A silo takes on so many questions, and says of others when they may come again.</summary>
public sealed class PoolingThreadsTests
{
    [Fact]
    public async Task TooMany_AreToldToComeAgain()
    {
        using var threads = new PoolingThreads(new ShardSettings { MostQuestions = 2 });
        using var go = new ManualResetEventSlim();
        Task<Reply>[] taken = [.. Enumerable.Range(1, 2).Select(i => threads.AnswerAsync(() => Answer((byte)i), Token))];

        Assert.True(threads.IsFull);
        Reply other = await threads.AnswerAsync(() => Answer(3), Token);
        Assert.Equal((Outcome.Later, "a silo has 2 questions at work already"), (other.Outcome, other.Why));
        Assert.InRange(other.RetryAfter, 20, 2000);

        go.Set();
        Assert.Equal([[1], [2]], (await Task.WhenAll(taken)).Select(reply => reply.Bytes));
        Assert.Equal(0, threads.Questions);
        Assert.Equal([3], (await threads.AnswerAsync(() => Answer(3), Token)).Bytes);

        byte[] Answer(byte answer)
        {
            go.Wait(Token);
            return [answer];
        }
    }

    [Fact]
    public async Task StoppedQuestion_MakesRoom()
    {
        using var threads = new PoolingThreads(new ShardSettings { MostQuestions = 1 });
        using var stop = new CancellationTokenSource();
        Task<Reply> asked = threads.AnswerAsync(
            () =>
            {
                stop.Token.WaitHandle.WaitOne();
                stop.Token.ThrowIfCancellationRequested();
                return [];
            },
            stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.Equal((0, 1), (threads.Questions, threads.Stopped));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;
}
