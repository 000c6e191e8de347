namespace TorchAttention.Pooling;

/// <summary>The sizes of a pooling on tensors, checked: m, n, d, v, and whether each key has its own w.</summary>
internal sealed record EngineShapes(
    int Queries, int Keys, int Features, int Columns, bool HasOwnWidths, long[] QueryShape, long[] ValueShape)
{
    /// <summary>The shape of the output: (m), or (m, v).</summary>
    public long[] Output => ValueShape.Length == 1 ? [Queries] : [Queries, Columns];

    public static EngineShapes Measure(Tensor queries, Tensor keys, Tensor values, Tensor w, Tensor? excluded)
    {
        bool hasOwnWidths = PoolingInputs.Check(queries, keys, values, w, mayBeOwn: true);
        if (queries.device_type != DeviceType.CPU)
        {
            throw new ArgumentException(
                $"Expected tensors on the CPU, got {queries.device}; on other devices {nameof(StreamingPooling)} does this.",
                nameof(queries));
        }

        if (keys.requires_grad && is_grad_enabled())
        {
            throw new ArgumentException(
                $"Keys that learn are not supported here; {nameof(StreamingPooling)} gives their gradient.", nameof(keys));
        }

        if (excluded is not null)
        {
            PoolingInputs.CheckExcluded(excluded, queries, keys.shape[0]);
        }

        long[] queryShape = queries.shape;
        long[] valueShape = values.shape;
        return new EngineShapes(
            checked((int)queryShape[0]),
            checked((int)valueShape[0]),
            queryShape.Length == 1 ? 1 : checked((int)queryShape[1]),
            valueShape.Length == 1 ? 1 : checked((int)valueShape[1]),
            hasOwnWidths,
            queryShape,
            valueShape);
    }
}
