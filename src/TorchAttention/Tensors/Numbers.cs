using System.Runtime.InteropServices;

namespace TorchAttention;

/// <summary>The numbers of a tensor of the CPU in row-major order: its own memory where it is laid out so, else a copy.</summary>
internal readonly struct Numbers<T> : IDisposable
    where T : unmanaged
{
    private readonly Tensor _tensor;
    private readonly bool _isCopy;

    public Numbers(Tensor tensor)
    {
        _isCopy = !tensor.is_contiguous();
        _tensor = _isCopy ? tensor.contiguous() : tensor;
    }

    /// <summary>The numbers; valid until this is disposed.</summary>
    public Span<T> Span => MemoryMarshal.Cast<byte, T>(_tensor.bytes);

    public void Dispose()
    {
        if (_isCopy)
        {
            _tensor.Dispose();
        }

        GC.KeepAlive(_tensor);
    }
}
