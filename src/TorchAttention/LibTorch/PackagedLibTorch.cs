using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;

namespace TorchAttention;

/// <summary>
/// The libtorch of the packages, loaded from where they lie: for a script or a notebook, whose <c>#r "nuget: ..."</c> copies nothing and
/// runs no step of a build.
/// </summary>
/// <remarks>
/// TorchSharp's native part asks for a libstdc++ newer than Debian 12, Ubuntu 22.04 and RHEL 9 have. Where the system refuses it for that,
/// a copy that asks weakly is loaded from memory: as a build with the package makes one, but nothing is written that could be half there,
/// or stay.
/// </remarks>
[SupportedOSPlatform("linux")]
internal static class PackagedLibTorch
{
    private const string NativeFolder = "runtimes/linux-x64/native";

    /// <summary>Loads it.</summary>
    /// <returns>False where there is none; nothing is loaded then.</returns>
    /// <exception cref="LibTorchNotLoadedException">It is there, and the system does not load it.</exception>
    public static bool TryLoad()
    {
        if (Find() is not (string torchSharp, LibTorchFolder libTorch))
        {
            return false;
        }

        ExternalLibTorch.LoadLibraries(libTorch);
        if (DynamicLoader.Load(torchSharp, binds: true) is string refusal)
        {
            LoadWeakened(torchSharp, refusal);
        }

        // TorchSharp loads both by name at its first use, and finds no file.
        AssemblyLoadContext.GetLoadContext(typeof(torch).Assembly)!.ResolvingUnmanagedDll += (_, name) =>
            name is "LibTorchSharp" or "torch_cpu" ? NativeLibrary.Load(LibTorchFolder.FileName(name)) : 0;
        return true;
    }

    private static void LoadWeakened(string torchSharp, string refusal)
    {
        byte[] image = File.ReadAllBytes(torchSharp);
        string? reason = VersionNeed.Weaken(image, VersionNeed.Library, VersionNeed.Version)
            ?? DynamicLoader.LoadImage(Path.GetFileName(torchSharp), image, binds: true);
        if (reason is not null)
        {
            throw new LibTorchNotLoadedException(
                $"'{torchSharp}' could not be loaded: the system says '{refusal}', and of a mended copy '{reason}'");
        }
    }

    private static (string TorchSharp, LibTorchFolder LibTorch)? Find()
    {
        // <packages>/torchsharp/<version>/lib/<framework>/TorchSharp.dll; a program has it elsewhere, and one of a single file nowhere.
        string package = Path.GetFullPath(Path.Join(typeof(torch).Assembly.Location, "../../.."));
        string libraries = Path.GetFullPath(Path.Join(package, "../../libtorch-cpu-linux-x64"));
        string[] versions = Directory.Exists(libraries) ? Directory.GetDirectories(libraries, $"{LibTorch.NeededVersion}.*") : [];
        string[] places =
        [
            .. ExternalLibTorch.SearchPath(), .. versions.Append(package).Select(folder => Path.Join(folder, NativeFolder)),
        ];
        string? torchSharp = places.Select(place => Path.Join(place, LibTorchFolder.FileName("LibTorchSharp"))).FirstOrDefault(File.Exists);
        string? libTorch = Array.Find(places, place => File.Exists(Path.Join(place, LibTorchFolder.FileName("torch_cpu"))));
        return torchSharp is null || libTorch is null ? null : (torchSharp, LibTorchFolder.Find(libTorch));
    }
}
