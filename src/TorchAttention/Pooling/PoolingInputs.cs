namespace TorchAttention.Pooling;

/// <summary>The tensors of a pooling, whatever computes it.</summary>
/// <param name="Queries">Queries (m), or (m, d).</param>
/// <param name="Keys">Keys (n), or (n, d).</param>
/// <param name="Values">Values (n), or (n, v).</param>
/// <param name="W">w (1), (d), or where keys and values are vectors and that is allowed (n).</param>
/// <param name="Excluded">The key that each query leaves out, -1 for none, int64 (m); null where no query leaves one out.</param>
internal sealed record PoolingInputs(Tensor Queries, Tensor Keys, Tensor Values, Tensor W, Tensor? Excluded = null)
{
    public WantedGradients Wanted => new(this);

    /// <summary>The same as matrices: queries (m, d), keys (n, d), values (n, v), w (d).</summary>
    /// <remarks>The reshaping is recorded by autograd, so gradients come back in the shapes that were passed in.</remarks>
    public PoolingInputs AsMatrices() =>
        new(AsMatrix(Queries), AsMatrix(Keys), AsMatrix(Values), W.expand(Queries.dim() == 2 ? Queries.size(1) : 1), Excluded);

    /// <summary>The same with some of the queries.</summary>
    public PoolingInputs Rows(long first, long count) =>
        this with { Queries = Queries.narrow(0, first, count), Excluded = Excluded?.narrow(0, first, count) };

    /// <summary>Copies that no one else can change, without a graph and outside all dispose scopes.</summary>
    public PoolingInputs Copied() => new(
        Queries.CloneWithoutGraph(), Keys.CloneWithoutGraph(), Values.CloneWithoutGraph(), W.CloneWithoutGraph(),
        Excluded?.CloneWithoutGraph());

    /// <summary>Checks that shapes, number types and devices fit each other.</summary>
    /// <param name="mayBeOwn">Whether each key may have its own w.</param>
    /// <returns>Whether each key has its own w.</returns>
    public bool Check(bool mayBeOwn = false)
    {
        (Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded) = this;
        long rank = Guard.Queries(queries).dim();
        if (Guard.Rows(keys).dim() != rank || (rank == 2 && keys.size(1) != queries.size(1)))
        {
            throw new ArgumentException(
                $"Expected queries (m) and keys (n), or queries (m, d) and keys (n, d), got {Guard.Shape(queries)} and "
                + $"{Guard.Shape(keys)}.");
        }

        if (Guard.Rows(values).size(0) != keys.size(0))
        {
            throw Guard.Unfit(values, $"Expected a value for each of {keys.size(0)} keys, got {Guard.Shape(values)}.");
        }

        long features = rank == 2 ? queries.size(1) : 1;
        long widths = Guard.Vector(w).size(0);
        bool isOwn = mayBeOwn && widths > 1 && widths == keys.size(0) && rank == 1 && values.dim() == 1;
        if (widths != 1 && widths != features && !isOwn)
        {
            string own = mayBeOwn && rank == 1 && values.dim() == 1 ? $", or ({keys.size(0)}) for as many keys" : "";
            throw Guard.Unfit(w, $"Expected w (1) or ({features}) for {features} features{own}, got {Guard.Shape(w)}.");
        }

        CheckKind(queries, keys, values, w);
        if (excluded is not null)
        {
            CheckExcluded(excluded, queries, keys.size(0));
        }

        return isOwn;
    }

    private static void CheckExcluded(Tensor excluded, Tensor queries, long keys)
    {
        if (excluded.dtype != ScalarType.Int64 || excluded.dim() != 1 || excluded.size(0) != queries.size(0)
            || excluded.device_type != queries.device_type || excluded.device_index != queries.device_index)
        {
            throw new ArgumentException(
                $"Expected an Int64 index for each of {queries.size(0)} queries on {queries.device}, "
                + $"got {excluded.dtype} {Guard.Shape(excluded)} on {excluded.device}.", nameof(excluded));
        }

        if (excluded.size(0) == 0)
        {
            return;
        }

        long least = excluded.min().ToInt64();
        long most = excluded.max().ToInt64();
        if (least < -1 || most >= keys)
        {
            throw new ArgumentException(
                $"Expected indices from -1 (none) to {keys - 1}, got {(least < -1 ? least : most)}.", nameof(excluded));
        }
    }

    private static Tensor AsMatrix(Tensor tensor) => tensor.dim() == 1 ? tensor.unsqueeze(1) : tensor;

    private static void CheckKind(Tensor queries, params ReadOnlySpan<Tensor> others)
    {
        if (queries.dtype is not (ScalarType.Float32 or ScalarType.Float64))
        {
            throw new ArgumentException($"Expected Float32 or Float64, got {queries.dtype}.", nameof(queries));
        }

        foreach (Tensor other in others)
        {
            if (other.dtype != queries.dtype || other.device_type != queries.device_type || other.device_index != queries.device_index)
            {
                throw new ArgumentException(
                    $"Expected all tensors as {queries.dtype} on {queries.device}, as the queries are, got {other.dtype} on "
                        + $"{other.device}.");
            }
        }
    }
}
