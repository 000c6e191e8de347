namespace TorchAttention.Pooling;

/// <summary>The ways in which a model computes its attention pooling; their numbers agree to rounding.</summary>
public enum AttentionMethod
{
    /// <summary>
    /// The engine on the CPU; elsewhere the textbook form while its matrix is small or the kernel is not the Gaussian, then the streaming
    /// form. The textbook form for half precision, mixed number types, and a w of each key on a device.
    /// </summary>
    Auto,

    /// <summary>The book's lines on tensors, with a matrix of queries x keys: <see cref="AttentionPooling"/>.</summary>
    Textbook,

    /// <summary>The vector units of the CPU, no matrix: <see cref="EnginePooling"/>.</summary>
    Engine,

    /// <summary>Tiles of tensors on any device, no matrix, for the Gaussian alone: <see cref="StreamingPooling"/>.</summary>
    Streaming,
}
