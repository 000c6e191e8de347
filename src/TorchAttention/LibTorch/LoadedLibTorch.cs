using System.Diagnostics;
using System.Runtime.InteropServices;

namespace TorchAttention;

/// <summary>The libtorch that this process has loaded: where it lies and what it says of itself.</summary>
internal static class LoadedLibTorch
{
    private const string VersionFunction = "aoti_torch_abi_version";

    /// <summary>The first release whose libtorch can be asked for its version.</summary>
    public const string FirstToTell = "2.9";

    /// <summary>The path of the loaded libtorch_cpu, null if there is none.</summary>
    public static string? Find()
    {
        using var self = Process.GetCurrentProcess();
        return self.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(
                file => Path.GetFileName(file).StartsWith(LibTorchFolder.FileName("torch_cpu"), StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The version that a loaded libtorch_cpu gives.</summary>
    /// <param name="file">Its path.</param>
    /// <returns>Major, minor and patch; null for a release older than <see cref="FirstToTell"/>.</returns>
    public static string? Version(string file) => Version(NativeLibrary.Load(file));

    /// <inheritdoc cref="Version(string)"/>
    public static unsafe string? Version(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, VersionFunction, out nint function))
        {
            return null;
        }

        // TORCH_ABI_VERSION: from the top, one byte each for major, minor and patch.
        ulong version = ((delegate* unmanaged<ulong>)function)();
        return string.Create(CultureInfo.InvariantCulture, $"{version >> 56}.{(byte)(version >> 48)}.{(byte)(version >> 40)}");
    }
}
