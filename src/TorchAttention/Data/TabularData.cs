namespace TorchAttention.Data;

/// <summary>
/// Columns of a table, one or several features and a target: a random part is held out for validation, and every column is standardised by
/// the training part's mean and deviation.
/// </summary>
/// <remarks>
/// The tensors are in deviations from the mean; <see cref="RegressionData.XScales"/> and <see cref="RegressionData.YScale"/> lead back
/// to the table's units. Both parts are sorted by the first feature.
/// </remarks>
public sealed class TabularData : RegressionData
{
    /// <summary>Splits and standardises two columns.</summary>
    /// <param name="x">Inputs (n), finite.</param>
    /// <param name="y">Targets (n), finite.</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="validationFraction">The part held out, more than 0 and less than 1; at least 1 example is, and at least 2 are
    /// not.</param>
    /// <param name="seed">Decides the split and the order of the mini-batches.</param>
    /// <param name="device">Where the tensors live; the CPU by default.</param>
    /// <exception cref="ArgumentException">
    /// The columns differ in length or have fewer than 3 rows, or one of them is constant over the training part, not finite, or has a row
    /// more than 1e38 deviations away from the others.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the fraction is out of range.</exception>
    public TabularData(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int batchSize = 10, double validationFraction = 0.2, ulong seed = 0,
            Device? device = null)
        : this(new Generator(seed), [x.ToArray()], y, Guard.AtLeast(batchSize, 1), validationFraction, device ?? CPU)
    {
    }

    /// <summary>Splits and standardises columns of several features and a target; one feature gives the same as it does alone.</summary>
    /// <param name="x">The features' columns (d), each with a number for every row (n), finite.</param>
    /// <param name="y">Targets (n), finite.</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="validationFraction">The part held out, more than 0 and less than 1; at least 1 example is, and at least 2 are
    /// not.</param>
    /// <param name="seed">Decides the split and the order of the mini-batches.</param>
    /// <param name="device">Where the tensors live; the CPU by default.</param>
    /// <exception cref="ArgumentException">
    /// There is no column of inputs; the columns differ in length or have fewer than 3 rows; or one of them is constant over the training
    /// part, not finite, or has a row more than 1e38 deviations away from the others.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the fraction is out of range.</exception>
    public TabularData(
        IReadOnlyList<double[]> x, ReadOnlySpan<double> y, int batchSize = 10, double validationFraction = 0.2, ulong seed = 0,
            Device? device = null)
        : this(new Generator(seed), x, y, Guard.AtLeast(batchSize, 1), validationFraction, device ?? CPU)
    {
    }

    private TabularData(
        Generator generator, IReadOnlyList<double[]> x, ReadOnlySpan<double> y, int batchSize, double validationFraction, Device device)
        : this(generator, new TabularParts(x, y, validationFraction, generator), batchSize, device)
    {
    }

    private TabularData(Generator generator, TabularParts parts, int batchSize, Device device)
        : base(parts.Training(device), parts.Validation(device), batchSize, generator)
    {
        XScales = parts.XScales;
        YScale = parts.YScale;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Standardization> XScales { get; }

    /// <inheritdoc/>
    public override Standardization YScale { get; }
}
