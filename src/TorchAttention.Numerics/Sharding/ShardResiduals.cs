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
    private readonly double _squaresWithoutOwn;
    private readonly double[] _byLog;

    /// <param name="rows">How many these are.</param>
    /// <param name="trace">Their part of tr L.</param>
    /// <param name="traceOfSquare">sum_ij s_i L_ij^2 / s_j, i these rows and j all.</param>
    /// <param name="squares">sum s_i r_i^2 of each column (v).</param>
    /// <param name="alone">How many of them stand alone.</param>
    /// <param name="squaresWithoutOwn">sum s_i (r_i / (1 - L_ii))^2 of the others, of all columns.</param>
    /// <param name="byLog">Its derivatives by the logarithm of each bandwidth (d); empty where not asked for.</param>
    internal ShardResiduals(
        long rows, double trace, double traceOfSquare, double[] squares, long alone, double squaresWithoutOwn, double[] byLog)
    {
        (Rows, EffectiveDegreesOfFreedom, _traceOfSquare, _squares) = (rows, trace, traceOfSquare, squares);
        (Alone, _squaresWithoutOwn, _byLog) = (alone, squaresWithoutOwn, byLog);
    }

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

    /// <summary>How many rows stand alone: of their fit less than a millionth, 1 - L_ii, is others'.</summary>
    public long Alone { get; }

    /// <summary>
    /// sum s_i (r_i / (1 - L_ii))^2 / n, of all columns, as <see cref="Diagnostics.LeaveOneOutError"/>: the mean square of what all other
    /// rows say a row's value is off by. NaN where a row stands alone.
    /// </summary>
    public double LeaveOneOutError => Alone > 0 ? double.NaN : _squaresWithoutOwn / Rows;

    /// <summary>
    /// The derivatives of <see cref="LeaveOneOutError"/> by the logarithm of each bandwidth (d); empty where they were not asked for, or
    /// where the kernel jumps.
    /// </summary>
    public IReadOnlyList<double> LeaveOneOutSlopes => [.. _byLog.Select(sum => Alone > 0 ? double.NaN : sum / Rows)];

    /// <summary>Those of no row.</summary>
    internal static ShardResiduals OfNone(int columns, int slopes) => new(0, 0, 0, new double[columns], 0, 0, new double[slopes]);

    /// <summary>These and those of rows that come after them: added in the same order, the same parts give the same bits.</summary>
    internal ShardResiduals Add(ShardResiduals others) => new(
        Rows + others.Rows,
        EffectiveDegreesOfFreedom + others.EffectiveDegreesOfFreedom,
        _traceOfSquare + others._traceOfSquare,
        [.. _squares.Zip(others._squares, (one, other) => one + other)],
        Alone + others.Alone,
        _squaresWithoutOwn + others._squaresWithoutOwn,
        [.. _byLog.Zip(others._byLog, (one, other) => one + other)]);

    /// <summary>The numbers of <see cref="Read"/>.</summary>
    internal double[] ToNumbers() =>
        [Rows, EffectiveDegreesOfFreedom, _traceOfSquare, Alone, _squaresWithoutOwn, _squares.Length, .. _squares, .. _byLog];

    /// <summary>What <see cref="ToNumbers"/> wrote.</summary>
    internal static ShardResiduals Read(double[] numbers)
    {
        int slopes = 6 + (int)numbers[5];
        return new ShardResiduals(
            (long)numbers[0], numbers[1], numbers[2], numbers[6..slopes], (long)numbers[3], numbers[4], numbers[slopes..]);
    }
}
