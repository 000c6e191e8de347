using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace TorchAttention;

/// <summary>What the system's dynamic loader can do on Linux beyond <see cref="NativeLibrary"/>: dlopen(3) with its flags.</summary>
[SupportedOSPlatform("linux")]
internal static partial class DynamicLoader
{
    private const string LibC = "libc.so.6";
    private const int Lazy = 1;
    private const int Now = 2;
    private const int NoLoad = 4;
    private const uint CloseOnExec = 1;

    /// <summary>Whether a library that needs this name would get one that is already loaded.</summary>
    /// <param name="name">A library's name without a folder, or its absolute path.</param>
    public static bool IsLoaded(string name) => DlOpen(name, Lazy | NoLoad) != 0;

    /// <summary>Loads a library.</summary>
    /// <param name="file">Its absolute path.</param>
    /// <param name="binds">Whether every function that it calls is found now rather than at its first call.</param>
    /// <returns>What is missing, null if nothing is.</returns>
    public static string? Load(string file, bool binds)
    {
        // Called once before: resolving dlerror itself would clear the error that it is to report.
        _ = DlError();
        return DlOpen(file, binds ? Now : Lazy) != 0 ? null : Marshal.PtrToStringUTF8(DlError()) ?? "no reason";
    }

    /// <summary>Loads a library from memory, by memfd_create(2): that needs no folder that may be missing, full or read-only.</summary>
    /// <param name="name">What the system calls the file in memory.</param>
    /// <param name="image">The library.</param>
    /// <param name="binds">Whether every function that it calls is found now rather than at its first call.</param>
    /// <returns>What is missing, null if nothing is.</returns>
    public static string? LoadImage(string name, ReadOnlySpan<byte> image, bool binds)
    {
        int descriptor = MemfdCreate(name, CloseOnExec);
        if (descriptor < 0)
        {
            return $"no file can be made in memory: {Marshal.GetLastPInvokeErrorMessage()}";
        }

        // The loader keeps what it has mapped: the file is needed for this one call.
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(file, image, fileOffset: 0);
        return Load($"/proc/self/fd/{descriptor}", binds);
    }

    [LibraryImport(LibC, EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint DlOpen(string file, int flags);

    [LibraryImport(LibC, EntryPoint = "dlerror")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint DlError();

    [LibraryImport(LibC, EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemfdCreate(string name, uint flags);
}
