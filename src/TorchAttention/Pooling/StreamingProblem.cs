namespace TorchAttention.Pooling;

/// <summary>What forward and backward need of the inputs, laid out for tiles: by operations that autograd records.</summary>
/// <remarks>
/// Values are centred: outputs are then exact where all values are equal, and v - output, of which every gradient is made, keeps its digits
/// however far from 0 the values lie.
/// </remarks>
/// <param name="Queries">Queries (d, m), a feature in a row.</param>
/// <param name="Keys">Keys (d, n).</param>
/// <param name="Values">Values less their mean, and a last column of ones that sums the weights (n, v + 1).</param>
/// <param name="Centre">The mean of the values (v).</param>
/// <param name="Scale">w / sqrt 2 (d): the energy of a pair, minus its score, is the square of the difference times this.</param>
/// <param name="Excluded">The key that each query leaves out, -1 for none (m); null where no query leaves one out.</param>
internal sealed record StreamingProblem(Tensor Queries, Tensor Keys, Tensor Values, Tensor Centre, Tensor Scale, Tensor? Excluded)
{
    public long QueryCount => Queries.size(1);

    public long KeyCount => Keys.size(1);

    public int Features => (int)Queries.size(0);

    public long Outputs => Centre.size(0);

    /// <summary>Lays the inputs out; with copies, nothing that the caller does to them later changes the problem.</summary>
    public static StreamingProblem Create(PoolingInputs inputs, bool copies)
    {
        Tensor centre = inputs.Values.detach().mean([0]);
        Tensor values = cat([inputs.Values - centre, ones_like(inputs.Values.narrow(1, 0, 1))], dim: 1);
        Tensor scale = (inputs.W.to(ScalarType.Float64) * Held.SqrtHalf).to(inputs.W.dtype);
        return new StreamingProblem(
            Columns(inputs.Queries), Columns(inputs.Keys), values, centre, scale, copies ? inputs.Excluded?.clone() : inputs.Excluded);

        Tensor Columns(Tensor rows)
        {
            Tensor columns = rows.t().contiguous();
            return copies ? columns.clone() : columns;
        }
    }

    /// <summary>The difference of every query and every key of a tile in one feature (queries, keys), formed directly.</summary>
    public Tensor Difference(int feature, Tile tile) =>
        Queries[feature].narrow(0, tile.Row, tile.Rows).unsqueeze(1) - Keys[feature].narrow(0, tile.Column, tile.Columns).unsqueeze(0);

    /// <summary>
    /// The energies |(q - k) w|^2 / 2 of a tile (queries, keys); infinite where the key is left out. Single roundings of single operations
    /// alone, so that backward finds forward's bits again: a far query's weights hang on them.
    /// </summary>
    public Tensor Energies(Tile tile)
    {
        Tensor? energies = null;
        for (int feature = 0; feature < Features; feature++)
        {
            Tensor difference = Difference(feature, tile).mul_(Scale[feature]);
            difference.mul_(difference);
            energies = energies is null ? difference : energies.add_(difference, Held.One);
        }

        return Excluded is null ? energies! : LeaveOut(energies!, Excluded.narrow(0, tile.Row, tile.Rows), tile);
    }

    // Only one element of each row changes: a mask would be another tile.
    private static Tensor LeaveOut(Tensor energies, Tensor excluded, Tile tile)
    {
        using Scalar first = tile.Column;
        using Scalar last = tile.Columns - 1;
        Tensor local = excluded.sub(first).unsqueeze(1);
        Tensor column = local.clamp(Held.Zero, last);
        Tensor kept = energies.gather(1, column);
        return energies.scatter_(1, column, kept.masked_fill_(local.eq(column), Held.Infinity));
    }
}
