namespace TorchAttention.Pooling;

/// <summary>Which gradients of a pooling someone asks for.</summary>
internal readonly record struct WantedGradients(bool Queries, bool Keys, bool Values, bool W)
{
    /// <summary>Those of the inputs that learn, where a graph is recorded.</summary>
    public WantedGradients(PoolingInputs inputs)
        : this(IsWanted(inputs.Queries), IsWanted(inputs.Keys), IsWanted(inputs.Values), IsWanted(inputs.W))
    {
    }

    public bool Any => Queries || Keys || Values || W;

    private static bool IsWanted(Tensor input) => is_grad_enabled() && input.requires_grad;
}
