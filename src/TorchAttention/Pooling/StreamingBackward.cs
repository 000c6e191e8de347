namespace TorchAttention.Pooling;

/// <summary>The gradients of the streaming form, with the weights of each tile computed again.</summary>
/// <remarks>
/// With weights p, outputs y, logs of sums of weights l, their gradients G (m, v) and g (m), the differences D = q - k and the scale s,
/// the gradient of a pair's score -|D s|^2 is c = p (G (v - y) + g). From it follow those of the scale, - 2 s sum c D^2, of a query,
/// - 2 s^2 sum c D, of a key, + 2 s^2 sum c D, and of a value, sum p G.
/// </remarks>
internal sealed record StreamingBackward(
    StreamingProblem Problem, WantedGradients Wanted, Tensor LeastEnergy, Tensor WeightSum, Tensor CentredOutput)
{
    /// <summary>Runs over all tiles.</summary>
    /// <param name="outputGradient">G (m, v); null for 0.</param>
    /// <param name="logWeightSumGradient">g (m); null for 0.</param>
    /// <param name="tileElements">As in forward: tiles of the same shape compute the same bits.</param>
    /// <returns>The gradients of queries (d, m), keys (d, n), values (n, v + 1) and scale (d); null where not wanted.</returns>
    public Tensor?[] Run(Tensor? outputGradient, Tensor? logWeightSumGradient, long tileElements)
    {
        Tensor factors = Factors(outputGradient, logWeightSumGradient);
        var sums = new Sums(
            If(Wanted.Queries, Problem.Features, Problem.QueryCount),
            If(Wanted.Keys, Problem.Features, Problem.KeyCount),
            If(Wanted.Values, Problem.KeyCount, Problem.Outputs + 1),
            If(Wanted.W, Problem.Features));
        var grid = new TileGrid(Problem.QueryCount, Problem.KeyCount, tileElements);
        foreach ((long row, long rows) in grid.Bands())
        {
            foreach (Tile tile in grid.Tiles(row, rows))
            {
                using DisposeScope scope = NewDisposeScope();
                Add(sums, factors.narrow(0, tile.Row, tile.Rows), tile);
            }
        }

        Tensor scale = Problem.Scale.to(ScalarType.Float64);
        Tensor twice = scale.mul(Held.Two);
        Tensor squared = (twice * scale).unsqueeze(1);
        ScalarType type = Problem.Values.dtype;
        return
        [
            sums.Queries?.mul_(squared).neg_().to(type),
            sums.Keys?.mul_(squared).to(type),
            sums.Values?.to(type),
            sums.W?.mul_(twice).neg_().to(type),
        ];
    }

    // Rows (G, g - G y) over the sum of weights (m, v + 1): times (v, 1) this is G (v - y) + g.
    private Tensor Factors(Tensor? outputGradient, Tensor? logWeightSumGradient)
    {
        Tensor output = outputGradient ?? zeros_like(CentredOutput);
        Tensor constant = (output * CentredOutput).sum(dim: 1, keepdim: true).neg_();
        if (logWeightSumGradient is not null)
        {
            constant = constant.add(logWeightSumGradient.unsqueeze(1), Held.One);
        }

        return cat([output, constant], dim: 1) / WeightSum;
    }

    private void Add(Sums sums, Tensor factors, Tile tile)
    {
        Tensor weights = sub(LeastEnergy.narrow(0, tile.Row, tile.Rows), Problem.Energies(tile)).exp_();
        sums.Values?.narrow(0, tile.Column, tile.Columns).narrow(1, 0, Problem.Outputs)
            .add_(weights.t().mm(factors.narrow(1, 0, Problem.Outputs)), Held.One);
        if (!Wanted.Queries && !Wanted.Keys && !Wanted.W)
        {
            return;
        }

        Tensor scores = factors.mm(Problem.Values.narrow(0, tile.Column, tile.Columns).t()).mul_(weights);
        for (int feature = 0; feature < Problem.Features; feature++)
        {
            Tensor difference = Problem.Difference(feature, tile);
            Tensor product = scores * difference;
            sums.Queries?[feature].narrow(0, tile.Row, tile.Rows).add_(product.sum(dim: 1), Held.One);
            sums.Keys?[feature].narrow(0, tile.Column, tile.Columns).add_(product.sum(dim: 0), Held.One);
            sums.W?[feature].add_(product.mul_(difference).sum(), Held.One);
        }
    }

    private Tensor? If(bool wanted, params long[] shape) => wanted ? zeros(shape, ScalarType.Float64, Problem.Values.device) : null;

    private sealed record Sums(Tensor? Queries, Tensor? Keys, Tensor? Values, Tensor? W);
}
