using TorchAttention.Data;

namespace TorchAttention.Models;

/// <summary>The columns that a model was trained on, by name, and how they were standardised for it.</summary>
public sealed record ModelUnits
{
    /// <summary>The features' columns (d), in the order of the model's.</summary>
    public required IReadOnlyList<string> X { get; init; }

    /// <summary>From each feature's own units to the model's (d).</summary>
    public required IReadOnlyList<Standardization> XScales { get; init; }

    /// <summary>The target's column.</summary>
    public required string Y { get; init; }

    /// <summary>From the target's own units to the model's.</summary>
    public required Standardization YScale { get; init; }

    /// <summary>The units of data that a model was trained on.</summary>
    /// <param name="data">The data.</param>
    /// <param name="x">The features' columns (d).</param>
    /// <param name="y">The target's column.</param>
    /// <exception cref="ArgumentException">There are not as many names as features.</exception>
    public static ModelUnits From(RegressionData data, IReadOnlyList<string> x, string y)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new ModelUnits { X = x, XScales = data.XScales, Y = y, YScale = data.YScale }.Checked();
    }

    internal ModelUnits Checked()
    {
        ArgumentNullException.ThrowIfNull(X);
        ArgumentNullException.ThrowIfNull(XScales);
        ArgumentNullException.ThrowIfNull(Y);
        if (X.Count == 0 || X.Count != XScales.Count || X.Contains(null!))
        {
            int names = X.Count(name => name is not null);
            throw new ArgumentException($"Expected a name for each of {XScales.Count} features, got {names}.", nameof(X));
        }

        foreach (Standardization scale in XScales.Append(YScale))
        {
            if (!double.IsFinite(scale.Mean) || !(scale.Deviation > 0 && double.IsFinite(scale.Deviation)))
            {
                throw new ArgumentException(
                    $"Expected a finite mean and a positive, finite deviation, got {scale.Mean} and {scale.Deviation}.", nameof(XScales));
            }
        }

        return this;
    }
}
