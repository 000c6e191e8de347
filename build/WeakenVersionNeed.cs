#nullable disable

#if !TORCHATTENTION
using System;
using System.IO;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies an ELF library and marks one symbol version that it needs as weak, so that the dynamic loader warns instead of refusing
/// when the system's library is older.
/// </summary>
public sealed class WeakenVersionNeed : Task
{
    [Required] public string Source { get; set; }
    [Required] public string Destination { get; set; }

    public override bool Execute()
    {
        byte[] elf = File.ReadAllBytes(Source);
        string problem = VersionNeed.Weaken(elf, VersionNeed.Library, VersionNeed.Version);
        if (problem != null)
        {
            Log.LogError(
                "{0}: {1}. The step that lets it load on systems whose {2} lacks {3} expects the file of TorchSharp 0.107.0; " +
                "after an update of that package, check whether the step is still needed (build/LibTorch.targets).",
                Source, problem, VersionNeed.Library, VersionNeed.Version);
            return false;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(Destination)));
        string beside = Destination + ".tmp";
        File.WriteAllBytes(beside, elf);
        if (File.Exists(Destination))
        {
            File.Delete(Destination);
        }

        File.Move(beside, Destination);
        return true;
    }
}
#endif

/// <summary>The versions of symbols that an ELF library needs.</summary>
/// <remarks>
/// TorchSharp's native part needs <c>GLIBCXX_3.4.32</c> for one symbol, <c>std::ios_base_library_init()</c>, that nothing relocates
/// against: without this mark it does not load on Debian 12, Ubuntu 22.04 or RHEL 9, with it nothing else changes.
/// The layout is the System V gABI's: section <c>.gnu.version_r</c>, a chain of Verneed with a chain of Vernaux each.
/// Used by a build, which compiles this file by itself, and by the library, when it loads.
/// </remarks>
internal static class VersionNeed
{
    public const string Library = "libstdc++.so.6";
    public const string Version = "GLIBCXX_3.4.32";

    private const int SectionTypeVersionNeed = 0x6ffffffe;
    private const ushort FlagWeak = 2;

    /// <summary>Marks a version of a library as one that may be missing.</summary>
    /// <returns>What is wrong with the file; null where it is done.</returns>
    public static string Weaken(byte[] elf, string library, string version)
    {
        if (elf.Length < 64 || BitConverter.ToUInt32(elf, 0) != 0x464c457f || elf[4] != 2 || elf[5] != 1)
        {
            return "not a 64-bit little-endian ELF file";
        }

        try
        {
            long sections = BitConverter.ToInt64(elf, 0x28);
            int sectionSize = BitConverter.ToUInt16(elf, 0x3a);
            int sectionCount = BitConverter.ToUInt16(elf, 0x3c);
            for (int i = 0; i < sectionCount; i++)
            {
                int header = checked((int)(sections + (long)i * sectionSize));
                if (BitConverter.ToUInt32(elf, header + 4) != SectionTypeVersionNeed)
                {
                    continue;
                }

                int names = checked((int)(sections + BitConverter.ToInt32(elf, header + 0x28) * (long)sectionSize));
                return WeakenIn(
                    elf, (int)BitConverter.ToInt64(elf, header + 0x18), (int)BitConverter.ToInt64(elf, names + 0x18),
                    library, version);
            }

            return "it has no section of needed versions";
        }
        catch (Exception e) when (e is ArgumentException || e is OverflowException || e is IndexOutOfRangeException)
        {
            return "its section table points outside the file";
        }
    }

    private static string WeakenIn(byte[] elf, int need, int names, string library, string version)
    {
        while (true)
        {
            if (NameAt(elf, names + BitConverter.ToInt32(elf, need + 4)) == library)
            {
                int entry = need + BitConverter.ToInt32(elf, need + 8);
                while (true)
                {
                    if (NameAt(elf, names + BitConverter.ToInt32(elf, entry + 8)) == version)
                    {
                        ushort flags = (ushort)(BitConverter.ToUInt16(elf, entry + 4) | FlagWeak);
                        elf[entry + 4] = (byte)flags;
                        elf[entry + 5] = (byte)(flags >> 8);
                        return null;
                    }

                    int nextEntry = BitConverter.ToInt32(elf, entry + 12);
                    if (nextEntry == 0)
                    {
                        return "it does not need version " + version + " of " + library;
                    }

                    entry += nextEntry;
                }
            }

            int nextNeed = BitConverter.ToInt32(elf, need + 12);
            if (nextNeed == 0)
            {
                return "it does not need " + library;
            }

            need += nextNeed;
        }
    }

    private static string NameAt(byte[] elf, int offset)
    {
        int end = Array.IndexOf(elf, (byte)0, offset);
        return System.Text.Encoding.ASCII.GetString(elf, offset, end - offset);
    }
}
