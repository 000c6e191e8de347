namespace TorchAttention.Models;

/// <summary>
/// Keeps the attention weights of the last forward pass. A module that held them in a field of type Tensor would save them with its state.
/// </summary>
internal sealed class LastWeights : IDisposable
{
    public Tensor? Value { get; private set; }

    public void Keep(Tensor attentionWeights)
    {
        Value?.Dispose();
        Value = attentionWeights.detach().DetachFromDisposeScope();
    }

    public void Dispose()
    {
        Value?.Dispose();
        Value = null;
    }
}
