namespace TorchAttention.Data;

/// <summary>One mini-batch of examples.</summary>
/// <param name="X">Inputs (batch), or (batch, d) for d features.</param>
/// <param name="Y">Targets (batch).</param>
/// <param name="Indices">Where each example stands in the set it was drawn from, int64 (batch).</param>
public readonly record struct Batch(Tensor X, Tensor Y, Tensor Indices);
