using System.Buffers.Binary;
using System.Runtime.Versioning;
using System.Text;

namespace TorchAttention;

/// <summary>An empty native library under a name of choice, for a name that must not lead to a file.</summary>
/// <remarks>
/// At its first use TorchSharp loads <c>torch_cpu</c> for itself: .NET tries the name <c>torch_cpu.so</c> first, beside the program and
/// then among what is loaded, and <c>libtorch_cpu.so</c> after that. With the program's own libtorch beside it the second name would load
/// it by its path, next to the one that was chosen, and two of them abort the process. The first name, taken by an empty library, ends the
/// search before.
/// </remarks>
[SupportedOSPlatform("linux")]
internal static class StandInLibrary
{
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const int SegmentCount = 3;
    private const int DynamicOffset = HeaderSize + (SegmentCount * SegmentSize);
    private const int DynamicEntrySize = 16;
    private const int DynamicEntryCount = 6;
    private const int StringsOffset = DynamicOffset + (DynamicEntryCount * DynamicEntrySize);

    /// <summary>Loads an empty library that other loads of this name find.</summary>
    /// <param name="name">The name, as <c>torch_cpu.so</c>.</param>
    /// <exception cref="LibTorchNotLoadedException">The system makes no file in memory, or does not load it.</exception>
    public static void Load(string name)
    {
        if (DynamicLoader.IsLoaded(name))
        {
            return;
        }

        if (DynamicLoader.LoadImage(name, Image(name), binds: false) is string error)
        {
            throw new LibTorchNotLoadedException(
                $"the system does not load a library from memory, which loading a PyTorch's libtorch needs ({error})");
        }
    }

    /// <summary>
    /// The smallest shared library that the loader takes (System V gABI, x86-64): one segment with everything, the dynamic table with a
    /// name and no symbol, and the mark that its stack needs not be executable.
    /// </summary>
    /// <param name="name">The name that it has inside, its SONAME.</param>
    public static byte[] Image(string name)
    {
        byte[] strings = [0, .. Encoding.ASCII.GetBytes(name), 0];
        int symbolsOffset = (StringsOffset + strings.Length + 7) / 8 * 8;
        const int SymbolSize = 24;
        byte[] image = new byte[symbolsOffset + SymbolSize];

        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(image);
        Put16(0x10, 3); // ET_DYN
        Put16(0x12, 62); // EM_X86_64
        Put32(0x14, 1); // EV_CURRENT
        Put64(0x20, HeaderSize); // where the segments' table is
        Put16(0x34, HeaderSize);
        Put16(0x36, SegmentSize);
        Put16(0x38, SegmentCount);

        // The loader writes addresses into the dynamic table, hence readable and writable.
        PutSegment(0, type: 1 /* PT_LOAD */, offset: 0, size: image.Length, alignment: 0x1000);
        PutSegment(1, type: 2 /* PT_DYNAMIC */, DynamicOffset, DynamicEntryCount * DynamicEntrySize, alignment: 8);
        PutSegment(2, type: 0x6474e551 /* PT_GNU_STACK */, offset: 0, size: 0, alignment: 16);

        PutDynamic(0, tag: 14 /* DT_SONAME */, 1);
        PutDynamic(1, tag: 5 /* DT_STRTAB */, StringsOffset);
        PutDynamic(2, tag: 10 /* DT_STRSZ */, strings.Length);
        PutDynamic(3, tag: 6 /* DT_SYMTAB */, symbolsOffset);
        PutDynamic(4, tag: 11 /* DT_SYMENT */, SymbolSize);
        strings.CopyTo(image, StringsOffset);
        return image;

        void Put16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(offset), value);
        void Put32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(offset), value);
        void Put64(int offset, long value) => BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(offset), value);

        void PutSegment(int index, uint type, int offset, int size, int alignment)
        {
            const uint ReadAndWrite = 6;
            int at = HeaderSize + (index * SegmentSize);
            Put32(at, type);
            Put32(at + 4, ReadAndWrite);
            Put64(at + 8, offset);
            Put64(at + 16, offset);
            Put64(at + 24, offset);
            Put64(at + 32, size);
            Put64(at + 40, size);
            Put64(at + 48, alignment);
        }

        void PutDynamic(int index, long tag, long value)
        {
            Put64(DynamicOffset + (index * DynamicEntrySize), tag);
            Put64(DynamicOffset + (index * DynamicEntrySize) + 8, value);
        }
    }
}
