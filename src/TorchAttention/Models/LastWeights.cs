namespace TorchAttention.Models;

/// <summary>
/// The attention weights of the last forward pass: those that it made, or what is needed to make them when someone asks. A module that held
/// them in a field of type Tensor would save them with its state.
/// </summary>
internal sealed class LastWeights : IDisposable
{
    private Tensor? _value;
    private Func<Tensor>? _compute;

    public Tensor? Value
    {
        get
        {
            if (_compute is not null)
            {
                using IDisposable noGradients = no_grad();
                using DisposeScope scope = NewDisposeScope();
                _value = _compute().DetachFromDisposeScope();
                _compute = null;
            }

            return _value;
        }
    }

    /// <summary>Keeps weights that are there.</summary>
    public void Keep(Tensor attentionWeights)
    {
        Dispose();
        _value = attentionWeights.detach().DetachFromDisposeScope();
    }

    /// <summary>Keeps how to compute weights that no one may ask for.</summary>
    /// <param name="compute">Makes them from what it holds itself.</param>
    public void KeepFor(Func<Tensor> compute)
    {
        Dispose();
        _compute = compute;
    }

    public void Dispose()
    {
        _value?.Dispose();
        _value = null;
        _compute = null;
    }
}
