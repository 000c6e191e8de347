namespace TorchAttention.Numerics;

/// <summary>Data that a regression or a bandwidth rule cannot use, said in one line: what was expected and what came.</summary>
/// <param name="kind">Why not.</param>
/// <param name="expected">What was expected, as part of a sentence.</param>
/// <param name="got">What came, as part of a sentence; null where that says itself.</param>
/// <param name="parameter">The parameter that had the data, where it was one.</param>
public sealed class RegressionDataException(RegressionProblem kind, string expected, string? got = null, string? parameter = null)
    : ArgumentException(null, parameter)
{
    /// <summary>Why not.</summary>
    public RegressionProblem Kind { get; } = kind;

    /// <summary>What was expected, as part of a sentence that leaves the place out.</summary>
    public string Expected { get; } = expected;

    /// <summary>What came, as part of a sentence; null where that says itself.</summary>
    public string? Got { get; } = got;

    /// <summary>The feature, from 0; null where the problem is of none.</summary>
    public int? Feature { get; init; }

    /// <summary>The column of values, from 0; null where the problem is of none.</summary>
    public int? ValueColumn { get; init; }

    /// <inheritdoc/>
    public override string Message
    {
        get
        {
            string place = Feature is int feature ? $" in feature {feature}"
                : ValueColumn is int column ? $" in column {column} of the values"
                : "";
            return $"Expected {Expected}{place}{(Got is null ? "" : $", got {Got}")}.";
        }
    }
}
