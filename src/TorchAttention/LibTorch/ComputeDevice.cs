using TorchAttention.Numerics.Regression;

namespace TorchAttention;

/// <summary>Picks the device that tensors live on by its name.</summary>
public static class ComputeDevice
{
    /// <summary>The names that <see cref="Parse"/> takes, for messages.</summary>
    public const string Names = DeviceName.All;

    /// <summary>Finds a device and checks that it is there.</summary>
    /// <param name="name"><c>auto</c> (CUDA where there is one, else the CPU), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <returns>The device.</returns>
    /// <exception cref="ArgumentException">The name is none of these, or names a device that is not here.</exception>
    public static Device Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!IsName(name))
        {
            throw new ArgumentException($"Expected a device ({Names}), got '{name}'.");
        }

        if (DeviceName.CudaIndex(name) is not int index)
        {
            return name == "auto" && CudaCount() > 0 ? new Device(DeviceType.CUDA, 0) : CPU;
        }

        int count = CudaCount();
        if (count == 0)
        {
            throw new ArgumentException(
                $"No CUDA device for '{name}': this libtorch sees none. Use cpu; or on a machine that has one, build with "
                + $"-p:TorchBackend=cuda or set {LibTorch.DirectoryVariable} to the torch/lib of a PyTorch with CUDA.");
        }

        return index < count
            ? new Device(DeviceType.CUDA, index)
            : throw new ArgumentException($"No CUDA device for '{name}': this machine has {count}, counted from cuda:0.");
    }

    /// <summary>Checks a name without loading libtorch.</summary>
    /// <param name="name">The name.</param>
    /// <returns>Whether it is one that <see cref="Parse"/> understands.</returns>
    public static bool IsName(string name) => name is not null && DeviceName.IsKnown(name);

    /// <summary>The number of CUDA devices that libtorch sees; 0 for a libtorch without CUDA.</summary>
    public static int CudaCount() => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>Seeds torch's own generators, of every device.</summary>
    internal static void Seed(ulong seed)
    {
        manual_seed(unchecked((long)seed)).Dispose();
        if (CudaCount() > 0)
        {
            cuda.manual_seed_all(unchecked((long)seed));
        }
    }
}
