namespace TorchAttention.Pooling;

/// <summary>The sizes of a pooling on tensors, checked: m, n, d, v, and whether each key has its own w.</summary>
internal sealed record EngineShapes(
    int Queries, int Keys, int Features, int Columns, bool HasOwnWidths, long[] QueryShape, long[] ValueShape)
{
    /// <summary>The shape of the output: (m), or (m, v).</summary>
    public long[] Output => ValueShape.Length == 1 ? [Queries] : [Queries, Columns];

    public static EngineShapes Measure(PoolingInputs inputs)
    {
        bool hasOwnWidths = inputs.Check(mayBeOwn: true);
        (Tensor queries, Tensor keys, Tensor values, _, _) = inputs;
        if (queries.device_type != DeviceType.CPU)
        {
            throw Guard.Unfit(
                queries, $"Expected tensors on the CPU, got {queries.device}; on other devices {nameof(StreamingPooling)} does this.");
        }

        if (keys.requires_grad && is_grad_enabled())
        {
            throw Guard.Unfit(keys, $"Keys that learn are not supported here; {nameof(StreamingPooling)} gives their gradient.");
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
