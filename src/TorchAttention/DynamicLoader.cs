using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace TorchAttention;

/// <summary>What the system's dynamic loader can do on Linux beyond <see cref="NativeLibrary"/>: dlopen(3) with its flags.</summary>
[SupportedOSPlatform("linux")]
internal static partial class DynamicLoader
{
    private const string LibC = "libc.so.6";
    private const int Lazy = 1;
    private const int Now = 2;
    private const int NoLoad = 4;

    /// <summary>Whether a library that needs this name would get one that is already loaded.</summary>
    /// <param name="name">A library's name without a folder, or its absolute path.</param>
    public static bool IsLoaded(string name) => DlOpen(name, Lazy | NoLoad) != 0;

    /// <summary>Loads a library and finds every function that it calls, now rather than at its first call.</summary>
    /// <param name="file">Its absolute path.</param>
    /// <returns>What is missing, null if nothing is.</returns>
    public static string? LoadAndBind(string file)
    {
        // Called once before: resolving dlerror itself would clear the error that it is to report.
        _ = DlError();
        return DlOpen(file, Now) != 0 ? null : Marshal.PtrToStringUTF8(DlError()) ?? "no reason";
    }

    [LibraryImport(LibC, EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint DlOpen(string file, int flags);

    [LibraryImport(LibC, EntryPoint = "dlerror")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint DlError();
}
