using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Tables;

/// <summary>Devices, pipes and sockets: files that are written to, never replaced, and that a reader may wait at for ever.</summary>
internal static unsafe partial class SpecialFile
{
    // The layout of statx(2) is the same on every Linux.
    private const int CurrentFolder = -100;
    private const uint TypeOnly = 1;
    private const int BufferLength = 256;
    private const int ModePlace = 28;
    private const int TypeMask = 0xF000;
    private const int Regular = 0x8000;
    private const int Folder = 0x4000;

    /// <summary>Whether a path names one; false where there is no such file, and on systems other than Linux.</summary>
    public static bool Is(string path)
    {
        if (!OperatingSystem.IsLinux() || !Path.Exists(path))
        {
            return false;
        }

        byte* buffer = stackalloc byte[BufferLength];
        return Statx(CurrentFolder, path, 0, TypeOnly, buffer) == 0
            && (*(ushort*)(buffer + ModePlace) & TypeMask) is not (Regular or Folder);
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, byte* buffer);
}
