namespace TorchAttention.Numerics.Regression;

/// <summary>The names of devices to compute on; which of them are there only libtorch knows.</summary>
public static class DeviceName
{
    /// <summary>The names, for messages.</summary>
    public const string All = "auto, cpu, cuda or cuda:N";

    private const string Numbered = "cuda:";

    /// <summary>Whether a name is one of them.</summary>
    /// <param name="name">The name.</param>
    public static bool IsKnown(string name) => name is "auto" or "cpu" || CudaIndex(name) is not null;

    /// <summary>The number of the CUDA device that a name asks for; null where it asks for none.</summary>
    /// <param name="name">The name.</param>
    public static int? CudaIndex(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name == "cuda" ? 0
            : name.StartsWith(Numbered, StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(Numbered.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index
            : null;
    }
}
