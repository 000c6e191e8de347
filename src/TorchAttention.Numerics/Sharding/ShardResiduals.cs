using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// What the residuals r_i = y_i - f(x_i) of rows say of the noise. L is the matrix that turns the values of all rows into the fitted
/// values; n rows, weights s of mean 1.
/// </summary>
public sealed class ShardResiduals
{
    private readonly double[] _squares;
    private readonly double _traceOfSquare;

    /// <param name="rows">How many these are.</param>
    /// <param name="trace">Their part of tr L.</param>
    /// <param name="traceOfSquare">sum_ij s_i L_ij^2 / s_j, i these rows and j all.</param>
    /// <param name="squares">sum s_i r_i^2 of each column (v).</param>
    internal ShardResiduals(long rows, double trace, double traceOfSquare, double[] squares) =>
        (Rows, EffectiveDegreesOfFreedom, _traceOfSquare, _squares) = (rows, trace, traceOfSquare, squares);

    /// <summary>n.</summary>
    public long Rows { get; }

    /// <summary>tr L, as <see cref="Diagnostics.EffectiveDegreesOfFreedom"/>.</summary>
    public double EffectiveDegreesOfFreedom { get; }

    /// <summary>n - 2 tr L + sum_ij s_i L_ij^2 / s_j, as <see cref="Diagnostics.ResidualDegreesOfFreedom"/>.</summary>
    public double ResidualDegreesOfFreedom => Diagnostics.Freedom(Rows, EffectiveDegreesOfFreedom, _traceOfSquare);

    /// <summary>
    /// sigma of each column (v): the root of sum s_i r_i^2 by the line above, as <see cref="Diagnostics.ResidualStandardError"/>; sigma by
    /// the root of the effective neighbours is the standard error of a mean. NaN where no freedom is left.
    /// </summary>
    public IReadOnlyList<double> ResidualStandardError =>
        [.. _squares.Select(sum => Diagnostics.Deviation(sum, ResidualDegreesOfFreedom, Rows))];

    /// <summary>Those of no row.</summary>
    internal static ShardResiduals OfNone(int columns) => new(0, 0, 0, new double[columns]);

    /// <summary>These and those of rows that come after them: added in the same order, the same parts give the same bits.</summary>
    internal ShardResiduals Add(ShardResiduals others) => new(
        Rows + others.Rows,
        EffectiveDegreesOfFreedom + others.EffectiveDegreesOfFreedom,
        _traceOfSquare + others._traceOfSquare,
        [.. _squares.Zip(others._squares, (one, other) => one + other)]);

    /// <summary>The numbers of <see cref="Read"/>.</summary>
    internal double[] ToNumbers() => [Rows, EffectiveDegreesOfFreedom, _traceOfSquare, .. _squares];

    /// <summary>What <see cref="ToNumbers"/> wrote.</summary>
    internal static ShardResiduals Read(double[] numbers) => new((long)numbers[0], numbers[1], numbers[2], numbers[3..]);
}
