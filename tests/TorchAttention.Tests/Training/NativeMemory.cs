using System.Runtime.InteropServices;

namespace TorchAttention.Tests.Training;

/// <summary>What native code, libtorch above all, holds of the heap of glibc.</summary>
/// <remarks>
/// The process's resident memory tells less: .NET's collector keeps some dozen megabytes more or fewer as it likes, and pieces of freed
/// memory count in it.
/// </remarks>
internal static partial class NativeMemory
{
    /// <summary>The bytes in use, those of every thread; 0 where there is no glibc to ask.</summary>
    public static long InUse()
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }

        Info info = MallInfo2();
        return (long)(info.MappedBytes + info.BytesInUse);
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial Info MallInfo2();

    /// <summary>glibc's struct mallinfo2 (malloc.h, since 2.33): hblkhd and uordblks are asked for.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Info
    {
        private readonly nuint _arena;
        private readonly nuint _freeChunks;
        private readonly nuint _fastBins;
        private readonly nuint _mappedRegions;
        public readonly nuint MappedBytes;
        private readonly nuint _unused;
        private readonly nuint _fastBinBytes;
        public readonly nuint BytesInUse;
        private readonly nuint _freeBytes;
        private readonly nuint _keepCost;
    }
}
