namespace TorchAttention.Pooling;

/// <summary>Which gradients of a pooling someone asks for.</summary>
internal readonly record struct WantedGradients(bool Queries, bool Keys, bool Values, bool W)
{
    /// <summary>Those of the inputs that learn, where a graph is recorded.</summary>
    public WantedGradients(Tensor queries, Tensor keys, Tensor values, Tensor w)
        : this(IsWanted(queries), IsWanted(keys), IsWanted(values), IsWanted(w))
    {
    }

    public bool Any => Queries || Keys || Values || W;

    private static bool IsWanted(Tensor input) => is_grad_enabled() && input.requires_grad;
}
