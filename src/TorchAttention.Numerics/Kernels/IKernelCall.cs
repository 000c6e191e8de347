namespace TorchAttention.Numerics.Kernels;

/// <summary>
/// What is to be done with a kernel that is chosen when the program runs: <see cref="SmoothingKernel.Call"/> hands over its type.
/// </summary>
/// <typeparam name="TResult">What comes of it.</typeparam>
public interface IKernelCall<out TResult>
{
    /// <summary>Does it.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    TResult Run<TKernel>()
        where TKernel : IKernel;
}
