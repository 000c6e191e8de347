using System.Diagnostics;
using System.Security.Cryptography;
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

    private readonly Dictionary<string, byte[]> _grids = [];
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

        if (size > MomentsAsked.MostBytes || asked.First < 0 || (long)asked.First + part.Length > size)
        {
            return Task.FromResult(Reply.Refused($"expected a grid of at most {MomentsAsked.MostBytes} bytes, got {size}"));
        }

        if (!_grids.TryGetValue(asked.Grid, out byte[]? grid) || grid.Length != size)
        {
            // Others' whose parts are on the way, or were left, are soon forgotten.
            if (_grids.Values.Sum(one => (long)one.Length) + size > MomentsAsked.MostBytes)
            {
                return Task.FromResult(Reply.Later($"shard {Key.Shard} makes moments for others", _retry));
            }

            _grids[asked.Grid] = grid = new byte[size];
        }

        _askedRows = Stopwatch.GetTimestamp();
        part.CopyTo(grid, asked.First);
        return Task.FromResult(Reply.Of([]));
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
            if (!_grids.TryGetValue(asked.Grid, out byte[]? grid) || Convert.ToHexStringLower(SHA256.HashData(grid)) != asked.Grid)
            {
                return Reply.Of([]);
            }

            _moments[asked.Grid] = moments = MakeMomentsAsync(RowsOfFile(), grid);
            _grids.Remove(asked.Grid);
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
