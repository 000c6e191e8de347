using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Pooling;

/// <summary>Aligned memory outside the collector's heap.</summary>
internal sealed unsafe class Scratch : IDisposable
{
    private const int Alignment = 64;
    private void* _memory;

    /// <param name="bytes">How many bytes it has.</param>
    /// <param name="written">How many of the first ones whoever asks will write; all others are zero.</param>
    public Scratch(long bytes, long written = 0)
    {
        Bytes = bytes;
        _memory = NativeMemory.AlignedAlloc((nuint)bytes + Alignment, Alignment);
        NativeMemory.Clear((byte*)_memory + written, (nuint)(bytes - written) + Alignment);
        GC.AddMemoryPressure(Math.Max(1, bytes));
    }

    ~Scratch() => Free();

    public long Bytes { get; }

    public T* As<T>()
        where T : unmanaged => (T*)_memory;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_memory is not null)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = null;
            GC.RemoveMemoryPressure(Math.Max(1, Bytes));
        }
    }
}
