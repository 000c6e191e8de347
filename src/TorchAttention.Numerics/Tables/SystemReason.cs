using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Tables;

/// <summary>
/// Why the system did not read or write a file, in its own few words and without the file's name, which the caller knows better.
/// </summary>
internal static class SystemReason
{
    // On Unix an IOException's HResult is the system's own number; those of .NET are negative.
    private const int MostNumber = 4095;
    private const int WindowsNumber = 0xffff;

    // EWOULDBLOCK; ERROR_SHARING_VIOLATION.
    private static readonly int _inUse = OperatingSystem.IsWindows() ? 32 : OperatingSystem.IsMacOS() ? 35 : 11;

    // EIO, ENOSPC, EDQUOT; ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL.
    private static readonly int[] _full = OperatingSystem.IsWindows() ? [0x27, 0x70] : [5, 28, OperatingSystem.IsMacOS() ? 69 : 122];

    /// <summary>The reason.</summary>
    /// <param name="e">What the attempt threw.</param>
    public static string Describe(Exception e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return e switch
        {
            UnauthorizedAccessException { InnerException: IOException inner } => Describe(inner),
            UnauthorizedAccessException => "Permission denied",
            FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
            PathTooLongException => "File name too long",
            IOException inUse when IsInUse(inUse) => "another process is at work on it",
            IOException when Number(e) is int number => Marshal.GetPInvokeErrorMessage(number),
            _ => PlainText.Brief(e.Message, 200).TrimEnd('.'),
        };
    }

    /// <summary>
    /// Whether it is the disk, and not the path, that keeps a file from being written: it is full, broken or over its quota.
    /// </summary>
    /// <param name="e">What the attempt threw.</param>
    public static bool IsOfTheDisk(Exception e) => e is IOException && Number(e) is int number && Array.IndexOf(_full, number) >= 0;

    /// <summary>Whether another process, or another part of this one, has the file locked.</summary>
    /// <param name="e">What the attempt threw.</param>
    internal static bool IsInUse(IOException e) => Number(e) == _inUse;

    private static int? Number(Exception e) =>
        OperatingSystem.IsWindows() ? e.HResult & WindowsNumber
        : e.HResult is > 0 and <= MostNumber ? e.HResult
        : null;
}
