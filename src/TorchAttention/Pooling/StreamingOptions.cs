namespace TorchAttention.Pooling;

/// <summary>How much memory <see cref="StreamingPooling"/> works in.</summary>
public sealed record StreamingOptions
{
    /// <summary>The default of a tile on the CPU: it stays in a core's cache while it is worked on.</summary>
    public const long CpuTileBytes = 1L << 20;

    /// <summary>The default of a tile on any other device: large enough that starting the operations costs nothing beside them.</summary>
    public const long DeviceTileBytes = 256L << 20;

    /// <summary>
    /// The bytes of one tile (queries, keys) of numbers; by default, null, what suits the device. Two of them live at a time forward, four
    /// backward. At least one query and one key are in a tile, however few bytes these are.
    /// </summary>
    public long? TileBytes { get; init; }

    internal long TileElements(Tensor like) =>
        Math.Max(1, (TileBytes ?? (like.device_type == DeviceType.CPU ? CpuTileBytes : DeviceTileBytes)) / like.element_size());

    internal void Check()
    {
        if (TileBytes is { } bytes)
        {
            Guard.AtLeast(bytes, 1, nameof(TileBytes));
        }
    }
}
