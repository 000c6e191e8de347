using System.Diagnostics;
using TorchAttention.Cli.OnePass;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cluster;

/// <content>Rows as they are in the file, and sums over them, for fits.</content>
internal sealed partial class ShardGrain
{
    // Rows in memory a second time, and moments, stay for those that ask for the next part.
    private static readonly TimeSpan _unasked = TimeSpan.FromSeconds(10);

    private readonly ReceivedParts _grids = new();
    private readonly Dictionary<string, Task<byte[]>> _moments = [];
    private Task<ShardRows>? _rows;
    private long _askedRows;

    /// <inheritdoc/>
    public async Task<Reply> RowsAsync(RowsAsked asked)
    {
        if (asked.WhyNot(manifest) is string why)
        {
            return Reply.Refused(why);
        }

        int rows = manifest.Shards[Key.Shard].Rows;
        int most = RowsAsked.MostRows(manifest);
        if (asked.First < 0 || asked.First >= rows || asked.Step < 1 || asked.Count < 1 || asked.Count > most)
        {
            return Reply.Refused(
                $"expected at most {most} of the rows 0 to {rows - 1}, got {asked.Count} from {asked.First} by {asked.Step}");
        }

        return await AnswerAsync(RowsOfFile(), all => Wire.Bytes(all.Every(asked.First, asked.Step, rows, asked.Count)));
    }

    /// <inheritdoc/>
    public Task<Reply> GridAsync(MomentsAsked asked, byte[] part, int size)
    {
        if (asked.WhyNot(manifest) is string why)
        {
            return Task.FromResult(Reply.Refused(why));
        }

        Reply reply = _grids.Take(asked.Grid, part, asked.First, size, "a grid");
        _askedRows = reply.Outcome == Outcome.Done ? Stopwatch.GetTimestamp() : _askedRows;
        return Task.FromResult(reply);
    }

    /// <inheritdoc/>
    public async Task<Reply> MomentsAsync(MomentsAsked asked)
    {
        if (asked.WhyNot(manifest) is string why)
        {
            return Reply.Refused(why);
        }

        _askedRows = Stopwatch.GetTimestamp();
        if (!_moments.TryGetValue(asked.Grid, out Task<byte[]>? moments))
        {
            // Whose parts have not come all, as where this one was made anew, are to be sent.
            if (_grids.Whole(asked.Grid) is not byte[] grid)
            {
                return Reply.Of([]);
            }

            _moments[asked.Grid] = moments = MakeMomentsAsync(RowsOfFile(), grid);
        }

        return await AnswerAsync(moments, all =>
        {
            int first = Math.Clamp(asked.First, 0, all.Length);
            return [.. BitConverter.GetBytes(all.Length), .. all.AsSpan(first, Math.Min(MomentsAsked.PartBytes, all.Length - first))];
        });
    }

    private async Task<byte[]> MakeMomentsAsync(Task<ShardRows> rows, byte[] grid)
    {
        ShardRows all = await rows;
        return await threads.RunAsync(() => ShardMoments.Of(grid, all, manifest.Features, CancellationToken.None), CancellationToken.None);
    }

    private Task<ShardRows> RowsOfFile()
    {
        _askedRows = Stopwatch.GetTimestamp();
        int shard = Key.Shard;
        return _rows ??= threads.RunAsync(() => ShardFile.Rows(manifest, shard), CancellationToken.None);
    }

    private async Task<Reply> AnswerAsync<T>(Task<T> making, Func<T, byte[]> answer)
    {
        if (await Task.WhenAny(making, Task.Delay(_retry)) != making)
        {
            return Reply.Later($"shard {Key.Shard} is at work", _retry);
        }

        try
        {
            return Reply.Of(answer(await making));
        }
        catch (Exception e) when (e is StorageException or OutOfMemoryException or RegressionDataException)
        {
            ForgetRows();
            return Reply.Refused(e.Message);
        }
    }

    private void ForgetRowsInTime()
    {
        bool isMaking = _rows is { IsCompleted: false } || _moments.Values.Any(making => !making.IsCompleted);
        if (!isMaking && Stopwatch.GetElapsedTime(_askedRows) > _unasked)
        {
            ForgetRows();
        }
    }

    private void ForgetRows()
    {
        _rows = null;
        _moments.Clear();
        _grids.Clear();
    }
}
