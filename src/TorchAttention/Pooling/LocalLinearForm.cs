namespace TorchAttention.Pooling;

/// <summary>
/// Local linear attention in operations of libtorch, with matrices of queries x keys x d: it has derivatives of every order, on every
/// device.
/// </summary>
internal static class LocalLinearForm
{
    /// <summary>The outputs.</summary>
    /// <param name="inputs">Matrices, with g as w (d).</param>
    /// <param name="ridge">lambda (1).</param>
    /// <returns>Outputs (m, c), and the weights l (m, n) of which they are sums.</returns>
    public static (Tensor Outputs, Tensor Weights) Pool(PoolingInputs inputs, Tensor ridge)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor scale, Tensor? excluded) = inputs;
        (long m, long d) = (queries.size(0), queries.size(1));
        Tensor u = (keys.unsqueeze(0) - queries.unsqueeze(1)) * scale;
        Tensor scores = (u * u).sum(dim: 2).mul(Held.MinusHalf);
        Tensor? hidden = excluded is null ? null : Held.Range(keys.size(0), keys.device).eq(excluded.unsqueeze(1));
        if (hidden is not null)
        {
            scores = scores.masked_fill(hidden, Held.MinusInfinity);
        }

        // Who sees no key has weights of 0, and a gradient of 0.
        Tensor isAlone = scores.detach().amax([1], keepdim: true).isneginf();
        Tensor p = scores.masked_fill(isAlone, Held.Zero).softmax(1).masked_fill(isAlone, Held.Zero);
        Tensor mean = p.unsqueeze(1).matmul(u).squeeze(1);
        Tensor centred = u - mean.unsqueeze(1);
        Tensor growth = ridge * (mean * mean).sum(dim: 1).add(Held.One, Held.One);
        Tensor matrix = (p.unsqueeze(2) * centred).transpose(1, 2).matmul(centred)
            .Plus(growth.reshape(m, 1, 1) * eye(d, d, queries.dtype, queries.device));
        Tensor rho = linalg.solve(matrix.Plus(isAlone.unsqueeze(2) * eye(d, d, queries.dtype, queries.device)), mean.unsqueeze(2));
        Tensor weights = p * (centred.matmul(rho).squeeze(2).neg().add(Held.One, Held.One));
        return (weights.matmul(values), weights);
    }
}
