using TorchAttention.Numerics.LocalLinear;

namespace TorchAttention.Pooling;

/// <summary>
/// Local linear attention: the height at each query of a plane through the values, fitted by least squares with softmax weights.
/// </summary>
/// <remarks>
/// <para>
/// With p_i = softmax_i(-|u_i|^2 / 2), u_i = g (k_i - q) and uc_i = u_i - sum p u, the plane a + beta.uc has the least sum p_i (v_i - a -
/// beta.uc_i)^2 + lambda (1 + |sum p u|^2) |beta|^2, and the output is its value at u = 0. Softmax attention is its level alone: the local
/// constant estimate. A plane has no bias at the edge of the keys or where they are uneven; far outside, the ridge makes it level.
/// </para>
/// <para>
/// Differentiable with respect to all inputs; gradients with a graph of their own are those of operations with matrices of queries x keys x
/// d. On the CPU sums are float64 loops over tiles, with memory for the inputs alone; on other devices tiles of queries.
/// </para>
/// </remarks>
public static class LocalLinearPooling
{
    /// <summary>The most directions d.</summary>
    public const int MostFeatures = 16;

    // Queries of a tile on a device: some 64 MB for each of its matrices.
    private const long TileNumbers = 1 << 23;

    /// <summary>Pools the values at each query.</summary>
    /// <param name="queries">Queries (m, d), or (m) for one direction; float32 or float64, as the others.</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="values">Values (n, c), or (n).</param>
    /// <param name="scale">g = 1/h of each direction (d), or (1) for all.</param>
    /// <param name="ridge">lambda (1), at least 0, in squared bandwidths; 0.01 is a good one.</param>
    /// <param name="excluded">The index of the key that each query leaves out, -1 for none; int64 (m).</param>
    /// <returns>Outputs (m, c), or (m) for values (n); 0 for a query that sees no key.</returns>
    /// <exception cref="ArgumentException">
    /// Shapes, number types or devices do not fit each other, an index names no key, there is no key, or there are more than 16
    /// directions.
    /// </exception>
    public static Tensor Pool(Tensor queries, Tensor keys, Tensor values, Tensor scale, Tensor ridge, Tensor? excluded = null) =>
        Pool(new PoolingInputs(queries, keys, values, scale, excluded), ridge, byTiles: queries?.device_type != DeviceType.CPU);

    /// <summary>Pools the values at each query with a slope that is given and not solved for: Parallax's form.</summary>
    /// <remarks>
    /// The output is sum l v with l_i = p_i (1 - r.uc_i), where <see cref="Pool(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor?)"/> has rho
    /// = C^-1 sum p u in the place of r; r = 0 is the local constant. The weights sum to 1 whatever r is, but nothing holds them: straight
    /// values are not met exactly, and far outside the keys the output is as far away as r says. It takes one softmax pooling of
    /// c + d + c d columns, with the memory of a tile, on every device and for any number of directions.
    /// </remarks>
    /// <param name="queries">Queries (m, d), or (m) for one direction; float32 or float64, as the others.</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="values">Values (n, c), or (n).</param>
    /// <param name="scale">g = 1/h of each direction (d), or (1) for all.</param>
    /// <param name="projections">r of each query (m, d), or (m), in 1/bandwidths: usually a learned linear map of the query.</param>
    /// <param name="excluded">The index of the key that each query leaves out, -1 for none; int64 (m).</param>
    /// <returns>Outputs (m, c), or (m) for values (n); NaN for a query that sees no key.</returns>
    /// <exception cref="ArgumentException">
    /// Shapes, number types or devices do not fit each other, an index names no key, or there is no key.
    /// </exception>
    public static Tensor PoolProjected(
        Tensor queries, Tensor keys, Tensor values, Tensor scale, Tensor projections, Tensor? excluded = null)
    {
        using DisposeScope scope = NewDisposeScope();
        var inputs = new PoolingInputs(queries, keys, values, scale, excluded);
        inputs.Check();
        ArgumentNullException.ThrowIfNull(projections);
        if (!projections.shape.SequenceEqual(queries.shape) || projections.dtype != queries.dtype)
        {
            throw Guard.Unfit(
                projections,
                $"Expected {queries.dtype} {Guard.Shape(queries)}, as the queries, got {projections.dtype} {Guard.Shape(projections)}.");
        }

        (Tensor q, Tensor k, Tensor v, Tensor g, _) = inputs.AsMatrices();
        (long m, long d, long c) = (q.size(0), q.size(1), v.size(1));
        Tensor r = projections.reshape(m, d);

        // Sums of moments about the centre of the keys, so that little is lost far from the origin.
        Tensor placed = (k - k.detach().mean([0], keepdim: true)) * g;
        Tensor moments = cat([v, placed, (placed.unsqueeze(2) * v.unsqueeze(1)).flatten(1)], 1);
        Tensor pooled = StreamingPooling.Pool(q, k, moments, g, excluded);
        Tensor level = pooled.narrow(1, 0, c);
        Tensor lead = (r * pooled.narrow(1, c, d)).sum(dim: 1).unsqueeze(1).add(Held.One, Held.One);
        Tensor slope = r.unsqueeze(1).matmul(pooled.narrow(1, c + d, c * d).reshape(m, d, c)).squeeze(1);
        Tensor output = (level * lead) - slope;
        return (values.dim() == 1 ? output.squeeze(1) : output).MoveToOuterDisposeScope();
    }

    /// <summary>The weights l of which outputs are sums; they sum to 1, and some may be negative.</summary>
    /// <returns>Weights (m, n).</returns>
    /// <inheritdoc cref="Pool(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor?)" path="/param | /exception"/>
    internal static Tensor Weights(PoolingInputs inputs, Tensor ridge)
    {
        using DisposeScope scope = NewDisposeScope();
        return LocalLinearForm.Pool(inputs.AsMatrices(), ridge).Weights.MoveToOuterDisposeScope();
    }

    internal static Tensor ByMatrices(PoolingInputs inputs, Tensor ridge)
    {
        Check(inputs, ridge);
        Tensor outputs = LocalLinearForm.Pool(inputs.AsMatrices(), ridge).Outputs;
        return inputs.Values.dim() == 1 ? outputs.squeeze(1) : outputs;
    }

    internal static Tensor Pool(PoolingInputs inputs, Tensor ridge, bool byTiles, long tileNumbers = TileNumbers)
    {
        using DisposeScope scope = NewDisposeScope();
        Check(inputs, ridge);
        PoolingInputs matrices = inputs.AsMatrices();
        Tensor output = matrices.Queries.size(0) == 0 ? LocalLinearForm.Pool(matrices, ridge).Outputs
            : byTiles ? ByTiles(matrices, ridge.reshape(1), tileNumbers)
            : ByLoops(matrices, ridge.reshape(1));
        return (inputs.Values.dim() == 1 ? output.squeeze(1) : output).MoveToOuterDisposeScope();
    }

    private static void Check(PoolingInputs inputs, Tensor ridge)
    {
        inputs.Check();
        long features = inputs.Queries.dim() == 1 ? 1 : inputs.Queries.size(1);
        if (features is < 1 or > MostFeatures)
        {
            throw Guard.Unfit(inputs.Queries, $"Expected 1 to {MostFeatures} features, got {features}.");
        }

        if (inputs.Keys.size(0) == 0)
        {
            throw Guard.Unfit(inputs.Keys, "Expected at least one key, got none.");
        }

        ArgumentNullException.ThrowIfNull(ridge);
        if (ridge.numel() != 1 || ridge.dtype != inputs.Queries.dtype || ridge.device_type != inputs.Queries.device_type)
        {
            throw Guard.Unfit(
                ridge,
                $"Expected one {inputs.Queries.dtype} on {inputs.Queries.device}, got {ridge.dtype} {Guard.Shape(ridge)} on "
                    + $"{ridge.device}.");
        }
    }

    private static Tensor ByLoops(PoolingInputs inputs, Tensor ridge)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor scale, Tensor? excluded) = inputs;
        var input = new LocalLinearInput
        {
            Queries = queries.ToDoubles(),
            Keys = keys.ToDoubles(),
            Values = values.ToDoubles(),
            Scale = scale.ToDoubles(),
            Ridge = ridge.ToDoubles()[0],
            LeftOut = EnginePooling.Indices(excluded),
        };

        // Loops compare, and a number that is none would be lost in them; whoever watches the loss is to see it.
        if (!input.IsFinite())
        {
            return (queries.sum() * values.sum(dim: 0, keepdim: true) * ridge).Times(double.NaN).expand(queries.size(0), -1);
        }

        LocalLinearPass pass = LocalLinearPass.Run(input);
        Tensor outputs = ToTensor(pass.Outputs, [queries.size(0), values.size(1)], queries);
        if (!IsWanted(inputs, ridge))
        {
            return outputs;
        }

        bool ofKeys = inputs.Wanted is { Keys: true } or { Values: true };
        (int m, int n, int d, int c) = (input.QueryCount, input.KeyCount, input.Features, input.Columns);
        return LocalLinearFunction.Record(inputs, ridge, outputs, gradient =>
        {
            LocalLinearGradients found = pass.Differentiate(gradient.ToDoubles(), ofKeys);
            return
            [
                ToTensor(found.Queries, [m, d], gradient), ofKeys ? ToTensor(found.Keys, [n, d], gradient) : null,
                ofKeys ? ToTensor(found.Values, [n, c], gradient) : null, ToTensor(found.Scale, [d], gradient),
                ToTensor([found.Ridge], [1], gradient),
            ];
        });
    }

    private static Tensor ByTiles(PoolingInputs inputs, Tensor ridge, long tileNumbers)
    {
        bool isWanted = IsWanted(inputs, ridge);
        (PoolingInputs copies, Tensor kept) = isWanted ? (inputs.Copied(), ridge.CloneWithoutGraph()) : (inputs, ridge);
        (long Row, long Rows)[] tiles =
            [.. new TileGrid(inputs.Queries.size(0), 1, Math.Max(1, tileNumbers / inputs.Keys.numel())).Bands()];
        Tensor[] outputs = [.. tiles.Select(tile =>
        {
            using IDisposable noGraph = no_grad();
            using DisposeScope scope = NewDisposeScope();
            return LocalLinearForm.Pool(copies.Rows(tile.Row, tile.Rows), kept).Outputs.MoveToOuterDisposeScope();
        })];
        return isWanted
            ? LocalLinearFunction.Record(inputs, ridge, cat(outputs), gradient => Gradients(copies, kept, tiles, gradient))
            : cat(outputs);
    }

    private static bool IsWanted(PoolingInputs inputs, Tensor ridge) =>
        inputs.Wanted.Any || (is_grad_enabled() && ridge.requires_grad);

    // Of each tile by itself: its graph is there while it is computed, and no longer.
    private static Tensor?[] Gradients(PoolingInputs inputs, Tensor ridge, (long Row, long Rows)[] tiles, Tensor gradient)
    {
        using IDisposable graph = enable_grad();
        Tensor[] sums =
        [
            zeros_like(inputs.Queries), zeros_like(inputs.Keys), zeros_like(inputs.Values), zeros_like(inputs.W), zeros_like(ridge),
        ];
        foreach ((long row, long rows) in tiles)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingInputs part = inputs.Rows(row, rows);
            Tensor[] leaves = [.. ((Tensor[])[part.Queries, part.Keys, part.Values, part.W, ridge]).Select(
                tensor => tensor.detach().clone().requires_grad_())];
            var tile = new PoolingInputs(leaves[0], leaves[1], leaves[2], leaves[3], part.Excluded);
            Tensor outputs = LocalLinearForm.Pool(tile, leaves[4]).Outputs;
            IList<Tensor> found = autograd.grad([outputs], leaves, [gradient.narrow(0, row, rows)]);
            using IDisposable noGraph = no_grad();
            sums[0].narrow(0, row, rows).copy_(found[0]);
            for (int i = 1; i < sums.Length; i++)
            {
                sums[i].add_(found[i], Held.One);
            }
        }

        return sums;
    }

    private static Tensor ToTensor(double[] numbers, long[] shape, Tensor like)
    {
        using Tensor wide = tensor(numbers, shape, ScalarType.Float64);
        return wide.to(like.dtype, like.device, copy: true);
    }
}
