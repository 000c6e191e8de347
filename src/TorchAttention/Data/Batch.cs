namespace TorchAttention.Data;

/// <summary>One mini-batch of examples.</summary>
/// <param name="X">Inputs (batch), or (batch, d) for d features.</param>
/// <param name="Y">Targets (batch).</param>
public readonly record struct Batch(Tensor X, Tensor Y)
{
    private readonly Tensor? _indices;
    private readonly IReadOnlyList<Tensor>? _others;

    /// <summary>A mini-batch that knows where its examples stand.</summary>
    /// <param name="x">Inputs (batch), or (batch, d) for d features.</param>
    /// <param name="y">Targets (batch).</param>
    /// <param name="indices">Where each example stands in the set it was drawn from, int64 (batch).</param>
    public Batch(Tensor x, Tensor y, Tensor indices)
        : this(x, y)
    {
        _indices = indices;
    }

    /// <summary>Where each example stands in the set it was drawn from, int64 (batch); leaving examples out asks for it.</summary>
    /// <exception cref="InvalidOperationException">The batch does not know.</exception>
    public Tensor Indices
    {
        get => _indices ?? throw new InvalidOperationException(
            "Expected a batch with the Indices of its examples, which leave-one-out needs, got one without.");
        init => _indices = value;
    }

    /// <summary>Further inputs, for a model whose <c>TrainingStep</c> takes several; none by default.</summary>
    public IReadOnlyList<Tensor> Others
    {
        get => _others ?? [];
        init => _others = value;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{X?.shape[0]} examples";
}
