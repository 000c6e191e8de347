namespace TorchAttention.Models;

/// <summary>
/// The first parameters of a module of linear layers: PyTorch's for the same seed, drawn without touching torch's own generator.
/// </summary>
internal static class FirstParameters
{
    /// <summary>Makes layers, and puts torch's generator back to where it was before they drew from it.</summary>
    /// <param name="layers">Makes them.</param>
    public static T Without<T>(Func<T> layers)
    {
        using Tensor state = Held.RandomState();
        try
        {
            return layers();
        }
        finally
        {
            Held.SetRandomState(state);
        }
    }

    /// <summary>
    /// Draws the parameters of linear layers anew: uniform within 1 / sqrt(inputs), weights before biases, as PyTorch does.
    /// </summary>
    /// <param name="module">The module, in float32 on the CPU.</param>
    /// <param name="seed">PyTorch's <c>manual_seed</c>.</param>
    public static void Draw(nn.Module module, ulong seed)
    {
        using IDisposable noGradients = no_grad();
        using var generator = new Generator(seed);
        double bound = 1;
        string[] norms = [.. module.named_modules().Where(it => it.module is TorchSharp.Modules.LayerNorm).Select(it => $"{it.name}.")];
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in module.named_parameters())
        {
            if (norms.Any(norm => name.StartsWith(norm, StringComparison.Ordinal)))
            {
                continue;
            }

            bound = parameter.dim() == 2 ? 1 / Math.Sqrt(parameter.size(1)) : bound;
            parameter.uniform_(-bound, bound, generator);
        }
    }
}
