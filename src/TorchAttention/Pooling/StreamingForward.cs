namespace TorchAttention.Pooling;

/// <summary>The pooled values of all queries, and what backward needs to know of them.</summary>
/// <param name="Output">sum p v (m, v), p the weights, which sum to 1; NaN where a query has no neighbour.</param>
/// <param name="LogWeightSum">log sum exp(score) (m); minus infinity where a query has no neighbour.</param>
/// <param name="LeastEnergy">The nearest key's energy (m, 1), 0 where there is none.</param>
/// <param name="WeightSum">The sum of exp(least energy - energy) (m, 1), 1 where there is no neighbour.</param>
/// <param name="CentredOutput">The output less the values' mean (m, v), 0 where there is no neighbour.</param>
internal sealed record StreamingForward(Tensor Output, Tensor LogWeightSum, Tensor LeastEnergy, Tensor WeightSum, Tensor CentredOutput)
{
    /// <summary>
    /// Online softmax, tile by tile. Least energies, sums of weights and weighted sums are merged in float64: a float32 sum stalls at 2^24,
    /// and a merge costs a row where the tile costs a matrix.
    /// </summary>
    public static StreamingForward Run(StreamingProblem problem, long tileElements)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGraph = no_grad();
        var grid = new TileGrid(problem.QueryCount, problem.KeyCount, tileElements);
        List<Tensor> leasts = [];
        List<Tensor> sums = [];
        foreach ((long row, long rows) in grid.Bands())
        {
            (Tensor least, Tensor sum) = Band(problem, grid, row, rows);
            leasts.Add(least);
            sums.Add(sum);
        }

        StreamingForward result = Finish(problem, cat(leasts, dim: 0), cat(sums, dim: 0));
        scope.MoveToOuter(result.Output, result.LogWeightSum, result.LeastEnergy, result.WeightSum, result.CentredOutput);
        return result;
    }

    private static (Tensor Least, Tensor Sum) Band(StreamingProblem problem, TileGrid grid, long row, long rows)
    {
        Tensor least = full([rows, 1], Held.Infinity, ScalarType.Float64, problem.Queries.device);
        Tensor sum = zeros([rows, problem.Outputs + 1], ScalarType.Float64, problem.Queries.device);
        foreach (Tile tile in grid.Tiles(row, rows))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor energies = problem.Energies(tile);
            Tensor merged = minimum(least, energies.amin([1], keepdim: true).to(ScalarType.Float64));
            Tensor shift = Finite(merged);
            Tensor weights = sub(shift.to(energies.dtype), energies).exp_();
            Tensor tileSum = weights.mm(problem.Values.narrow(0, tile.Column, tile.Columns));
            sum.mul_((shift - least).exp_()).add_(tileSum, Held.One);
            least.copy_(merged);
        }

        return (least, sum);
    }

    private static StreamingForward Finish(StreamingProblem problem, Tensor least, Tensor sum)
    {
        ScalarType type = problem.Values.dtype;
        Tensor weightSum = sum.narrow(1, problem.Outputs, 1);
        Tensor none = weightSum.eq(Held.Zero);
        Tensor centred = sum.narrow(1, 0, problem.Outputs) / weightSum;
        return new StreamingForward(
            centred.add(problem.Centre, Held.One).to(type),
            (weightSum.log() - least).squeeze(1).to(type),
            Finite(least).to(type),
            weightSum.masked_fill(none, Held.One).to(type),
            centred.masked_fill(none, Held.Zero).to(type));
    }

    // Where no key has a weight yet any shift does, as long as infinity - infinity is not formed.
    private static Tensor Finite(Tensor least) => least.masked_fill(least.isposinf(), Held.Zero);
}
