namespace TorchAttention.Numerics.Regression.Intervals;

/// <summary>What of a fit a polynomial of higher degree is to correct.</summary>
internal enum Corrected
{
    /// <summary>Its value at each place.</summary>
    Mean,

    /// <summary>The whole curve at once, which needs more of the bias gone.</summary>
    Curve,

    /// <summary>Its slopes at each place.</summary>
    Slopes,
}
