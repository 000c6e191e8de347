using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace TorchAttention;

/// <summary>
/// Loads an installed PyTorch's libtorch so that TorchSharp, which looks beside the program first, finds that one loaded.
/// </summary>
/// <remarks>
/// The dynamic loader takes a library that is already loaded for every other one that needs it by the same name. So libtorch comes first,
/// by absolute paths, then TorchSharp's native part, whose need for libtorch is thereby met.
/// </remarks>
internal static class ExternalLibTorch
{
    // Each before those that need it; CUDA's are in a CUDA build only.
    private static readonly (string Name, bool IsNeeded)[] _libraries =
        [("c10", true), ("c10_cuda", false), ("torch_cpu", true), ("torch_cuda", false), ("torch", true)];

    // The one TorchSharp was built for, and one that every test of tensors passed with, on the CPU and on CUDA.
    private static readonly string[] _fitting = [LibTorch.NeededVersion, "2.11"];

    // What TorchSharp loads by itself before its native part, looking beside the program first.
    private static readonly string[] _loadedByTorchSharp = ["torch_cpu", "torch_cuda"];

    public static void Load(string directory, string? setting)
    {
        try
        {
            Load(LibTorchFolder.Find(directory));
        }
        catch (LibTorchNotLoadedException e)
        {
            throw new LibTorchNotLoadedException(setting is null ? e.Message : $"{setting}: {e.Message}", e.InnerException, directory);
        }
    }

    private static void Load(LibTorchFolder folder)
    {
        if (LoadedLibTorch.Find() is string loaded && !IsSameFile(loaded, folder.Library("torch_cpu")))
        {
            throw new LibTorchNotLoadedException(
                $"'{folder.Location}' comes too late: libtorch is loaded already, from '{Path.GetDirectoryName(loaded)}'; it has to be "
                    + $"named before the first tensor");
        }

        RefuseOther(folder, folder.Version());
        string torchSharp = FindTorchSharp();
        LoadLibraries(folder);
        if (OperatingSystem.IsLinux())
        {
            BindTorchSharp(folder, torchSharp);
        }
        else
        {
            NativeLibrary.Load(torchSharp);
        }
    }

    /// <summary>Loads libtorch itself.</summary>
    public static void LoadLibraries(LibTorchFolder folder)
    {
        IEnumerable<string> names = _libraries.Where(library => library.IsNeeded || File.Exists(folder.Library(library.Name)))
            .Select(library => library.Name);
        foreach (string name in names)
        {
            nint handle = LoadFile(folder, folder.Library(name));
            if (name == "torch_cpu")
            {
                RefuseOther(folder, LoadedLibTorch.Version(handle) ?? $"older than {LoadedLibTorch.FirstToTell}");
            }
        }
    }

    private static nint LoadFile(LibTorchFolder folder, string file)
    {
        try
        {
            return NativeLibrary.Load(file);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw DoesNotFit(folder, $"its {Path.GetFileName(file)} could not be loaded: the system says '{Reason(file, e)}'", e);
        }
    }

    private static void RefuseOther(LibTorchFolder folder, string? version)
    {
        if (version is not null && !_fitting.Any(fit => version == fit || version.StartsWith($"{fit}.", StringComparison.Ordinal)))
        {
            throw DoesNotFit(folder, $"it is libtorch {version}");
        }
    }

    [SupportedOSPlatform("linux")]
    private static void BindTorchSharp(LibTorchFolder folder, string torchSharp)
    {
        // TorchSharp's native part asks for libtorch by these names; under another one it would get a second libtorch, and two abort the
        // process.
        if (Array.Find(
            _libraries, library => library.IsNeeded && !DynamicLoader.IsLoaded(LibTorchFolder.FileName(library.Name))).Name is string name)
        {
            throw DoesNotFit(
                folder, $"its {LibTorchFolder.FileName(name)} has another name inside (SONAME), by which TorchSharp's native part does "
                + $"not find it");
        }

        foreach (string preloaded in _loadedByTorchSharp)
        {
            StandInLibrary.Load($"{preloaded}.so");
        }

        // Bound at once: a function that is missing is an error here and not the process's end at its first call.
        if (DynamicLoader.Load(torchSharp, binds: true) is string error)
        {
            throw DoesNotFit(folder, $"TorchSharp's native part could not be bound to it: the system says '{error}'");
        }
    }

    private static string FindTorchSharp()
    {
        string file = LibTorchFolder.FileName("LibTorchSharp");
        string[] places = [.. SearchPath().Distinct()];
        if (!OperatingSystem.IsLinux()
            && Array.Find(places, place => File.Exists(Path.Join(place, LibTorchFolder.FileName("torch_cpu")))) is string own)
        {
            throw new LibTorchNotLoadedException(
                $"this program carries a libtorch of its own, in '{own}', which TorchSharp would load as well; build it with "
                    + $"-p:TorchBackend=none to use another one");
        }

        string? found = places.Select(place => Path.Join(place, file)).FirstOrDefault(File.Exists);
        return found ?? throw new LibTorchNotLoadedException(
            $"TorchSharp's native part, {file}, is missing: looked in {string.Join(", ", places)}; build the program on this system, "
                + $"and if it was copied here, copy the whole folder");
    }

    /// <summary>Where the program's own native libraries may lie.</summary>
    public static IEnumerable<string> SearchPath()
    {
        string fromHost = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        return fromHost.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Append(AppContext.BaseDirectory)
            .Select(place => Path.TrimEndingDirectorySeparator(place));
    }

    private static bool IsSameFile(string loaded, string asked) =>
        OperatingSystem.IsLinux() ? DynamicLoader.IsLoaded(asked) : string.Equals(loaded, asked, StringComparison.OrdinalIgnoreCase);

    private static LibTorchNotLoadedException DoesNotFit(LibTorchFolder folder, string why, Exception? inner = null) => new(
        $"the libtorch in '{folder.Location}' does not fit: {why}; TorchSharp {typeof(torch).Assembly.GetName().Version!.ToString(3)} "
            + $"needs libtorch {string.Join(" or ", _fitting)}, as a PyTorch of that version installs it", inner);

    /// <summary>
    /// Why the system does not load a library: .NET tells of every name that it tried, the system's loader of the file alone.
    /// </summary>
    public static string Reason(string file, Exception e) =>
        OperatingSystem.IsLinux() ? DynamicLoader.Load(file, binds: false) ?? "nothing, when asked again" : PlainText.Brief(e.Message, 300);
}
