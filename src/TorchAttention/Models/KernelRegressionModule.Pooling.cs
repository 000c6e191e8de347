using TorchAttention.Data;
using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <content>The pooling.</content>
public abstract partial class KernelRegressionModule
{
    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d) as the keys are.</param>
    /// <returns>Predictions (queries).</returns>
    /// <exception cref="ArgumentException">Queries of other features than the keys'.</exception>
    public sealed override Tensor forward(Tensor input)
    {
        CheckQueries(input, _keys);
        using DisposeScope scope = NewDisposeScope();
        Tensor w = InverseBandwidths();
        AttentionMethod method = AttentionChoice.For(Method, Options.Kernel, input, _keys, _values, w, out double[] numbers);
        if (method == AttentionMethod.Textbook)
        {
            return Attend(AttentionPooling.Diff(input, _keys) * w, _values).MoveToOuterDisposeScope();
        }

        var pass = new LastPass(input, numbers, null);
        _last.KeepFor(() => Weights(AttentionPooling.Diff(pass.Queries(), _keys) * pass.W()));
        return Pool(method, input, w, null).MoveToOuterDisposeScope();
    }

    /// <summary>Predicts examples of the training set, each from all pairs but its own.</summary>
    /// <param name="batch">Examples whose indices are places among the keys (batch).</param>
    /// <returns>Predictions (batch).</returns>
    /// <exception cref="ArgumentException">Examples of other features than the keys'.</exception>
    public Tensor PredictWithout(Batch batch)
    {
        CheckQueries(batch.X, _keys);
        using DisposeScope scope = NewDisposeScope();
        Tensor w = InverseBandwidths();
        AttentionMethod method = AttentionChoice.For(Method, Options.Kernel, batch.X, _keys, _values, w, out double[] numbers);
        if (method == AttentionMethod.Textbook)
        {
            Tensor others = Others(batch.Indices, _keys.size(0));
            return Attend(DiffsWithout(batch.X, others, w), _values[others]).MoveToOuterDisposeScope();
        }

        var pass = new LastPass(batch.X, numbers, batch.Indices);
        _last.KeepFor(() => Weights(DiffsWithout(pass.Queries(), Others(pass.Indices(), _keys.size(0)), pass.W())));
        return Pool(method, batch.X, w, batch.Indices).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The learned w = 1/h: one for all keys (1), one for each feature of keys (keys, d), or each key's own (keys) for keys (keys).
    /// </summary>
    protected virtual Tensor InverseBandwidths() => _w;

    // The place in w of each key's (n), int64; null where keys do not share them so.
    private protected virtual Tensor? RegionsOfKeys => null;

    internal static void CheckPairs(Tensor keys, Tensor values)
    {
        Guard.Rows(keys);
        Guard.Vector(values);
        if (keys.shape[0] != values.shape[0])
        {
            throw new ArgumentException($"Expected as many values as keys ({keys.shape[0]}), got {values.shape[0]}.", nameof(values));
        }
    }

    internal static void CheckQueries(Tensor queries, Tensor keys)
    {
        ArgumentNullException.ThrowIfNull(queries);
        bool fits = queries.dim() == keys.dim() && (keys.dim() == 1 || queries.size(1) == keys.size(1));
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries {(keys.dim() == 1 ? "(m)" : $"(m, {keys.size(1)})")} for keys {Guard.Shape(keys)}, got shape "
                    + $"{Guard.Shape(queries)}.", nameof(queries));
        }
    }

    // Row i lists 0 .. n - 1 without the example's own index: (batch, n - 1).
    internal static Tensor Others(Tensor indices, long keys)
    {
        Tensor places = Held.Range(keys - 1, indices.device).unsqueeze(0);
        return places.Plus((places >= indices.unsqueeze(1)).to(ScalarType.Int64));
    }

    private static Tensor Flat(Tensor tensor) => tensor.dim() == 1 ? tensor : tensor.reshape(-1);

    private Tensor Pool(AttentionMethod method, Tensor queries, Tensor w, Tensor? excluded) =>
        method != AttentionMethod.Engine ? StreamingPooling.Pool(queries, _keys, _values, w, excluded)
            : RegionsOfKeys is Tensor regions ? RegionPooling.Pool(Options.Kernel, queries, _keys, _values, _w, regions, excluded, _nearest)
            : EnginePooling.Pool(Options.Kernel, queries, _keys, _values, w, excluded, _nearest, _kept);

    private Tensor DiffsWithout(Tensor queries, Tensor others, Tensor w) =>
        (queries.unsqueeze(1) - _keys[others]) * (w.size(0) == 1 || _keys.dim() == 2 ? w : w[others]);

    private Tensor Weights(Tensor scaledDiffs) => KernelWeights.Compute(Options.Kernel, AttentionPooling.SquaredDistances(scaledDiffs));

    private Tensor Attend(Tensor scaledDiffs, Tensor values)
    {
        Tensor attentionWeights = Weights(scaledDiffs);
        _last.Keep(attentionWeights);
        return AttentionPooling.Pool(attentionWeights, values);
    }
}
