using System.Runtime.CompilerServices;

namespace TorchAttention.Tests;

/// <summary>
/// Lets the tests run on the libtorch that <see cref="LibTorch.DirectoryVariable"/> names, a PyTorch with CUDA for example: they use
/// tensors without asking for a libtorch first.
/// </summary>
internal static class ChosenLibTorch
{
    [ModuleInitializer]
    internal static void Load()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(LibTorch.DirectoryVariable)))
        {
            LibTorch.EnsureLoaded();
        }
    }
}
