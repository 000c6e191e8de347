using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Sharding;

/// <content>Residuals.</content>
public sealed partial class ShardedPooling
{
    /// <summary>The questions about all rows: how many rows of each shard are asked together, in their order.</summary>
    internal IEnumerable<(int Shard, int First)> OfAllRows
    {
        get
        {
            int most = ShardPool.MostRows(_manifest);
            return _manifest.Shards.Index().SelectMany(shard => Enumerable.Range(0, (shard.Item.Rows + most - 1) / most)
                .Select(part => (shard.Index, part * most)));
        }
    }

    /// <summary>The residuals of no row.</summary>
    internal ShardResiduals OfNone =>
        ShardResiduals.OfNone(_manifest.Columns, (_request with { IsAtRows = true }).AreBandwidthsMoved ? _manifest.Features : 0);

    /// <summary>The residuals of all rows, whose standard error is that of the noise: a pooling at each row.</summary>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public async Task<ShardResiduals> ResidualsAsync(IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ShardResiduals all = OfNone;
        foreach ((int shard, int first) in OfAllRows)
        {
            all = all.Add(await ResidualsAsync(shard, first, cancellationToken));
            progress?.Report(all.Rows / (double)_manifest.Rows);
        }

        return all;
    }

    /// <summary>The residuals of some rows of a shard: of as many as a message of 1 MB holds.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="first">The first row.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">There is no such shard, or no such row in it.</exception>
    internal async Task<ShardResiduals> ResidualsAsync(int shard, int first, CancellationToken cancellationToken)
    {
        if (shard < 0 || shard >= _manifest.Shards.Length || first < 0 || first >= _manifest.Shards[shard].Rows)
        {
            throw new ArgumentException($"Expected a row of one of {_manifest.Shards.Length} shards, got row {first} of shard {shard}.");
        }

        var pooling = new ShardedPooling(_manifest, _request with { HasSlopes = false, IsAtRows = true }, _shards);
        return await pooling.ResidualsAtAsync(shard, first, cancellationToken);
    }

    private async Task<ShardResiduals> ResidualsAtAsync(int shard, int first, CancellationToken cancellationToken)
    {
        (int d, int v, int most) = (_manifest.Features, _manifest.Columns, MostQueries);

        // Every row is nearer than infinitely far.
        ShardRows rows = await _shards.RowsNearAsync(shard, new double[d], _request, double.PositiveInfinity, first, cancellationToken);
        ShardResiduals all = OfNone;
        foreach ((int part, double[] keys) in rows.Keys.Chunk(most * d).Index())
        {
            (ShardAnswers answers, _) = await AnswerAsync(keys, NoNeighbourPolicy.NaN, cancellationToken);
            all = all.Add(answers.ToResiduals(Of(rows.Values, v), Of(rows.Weights, 1)));

            double[] Of(double[] numbers, int width) =>
                numbers.Length == 0 ? [] : numbers.AsSpan(part * most * width, keys.Length / d * width).ToArray();
        }

        return all;
    }
}
