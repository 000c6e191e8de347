using System.Diagnostics.CodeAnalysis;

namespace TorchAttention.Numerics.Regression;

/// <summary>The number type that pairs are computed in.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The names of the formats are what is meant.")]
public enum NumberPrecision
{
    /// <summary>float64: within 1e-12 of the range of the values.</summary>
    Float64,

    /// <summary>float32: within 2e-6 of the range of the values, at about three times the speed where every pair is computed.</summary>
    Float32,
}
