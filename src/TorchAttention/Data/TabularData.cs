using TorchAttention.Numerics.Tables;

namespace TorchAttention.Data;

/// <summary>Two columns of a table: a random part is held out for validation, and both columns are standardised by the training part's mean and deviation.</summary>
/// <remarks>
/// The tensors are in deviations from the mean; <see cref="RegressionData.XScale"/> and <see cref="RegressionData.YScale"/> lead back
/// to the table's units. Both parts are sorted by x.
/// </remarks>
public sealed class TabularData : RegressionData
{
    /// <summary>Splits and standardises two columns.</summary>
    /// <param name="x">Inputs (n), finite.</param>
    /// <param name="y">Targets (n), finite.</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="validationFraction">The part held out, more than 0 and less than 1; at least 1 example is, and at least 2 are not.</param>
    /// <param name="seed">Decides the split and the order of the mini-batches.</param>
    /// <param name="device">Where the tensors live; the CPU by default.</param>
    /// <exception cref="ArgumentException">
    /// The columns differ in length or have fewer than 3 rows, or one of them is constant over the training part, not finite, or has a row
    /// more than 1e38 deviations away from the others.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the fraction is out of range.</exception>
    public TabularData(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int batchSize = 10, double validationFraction = 0.2, ulong seed = 0, Device? device = null)
        : this(new Generator(seed), x, y, Guard.AtLeast(batchSize, 1), validationFraction, device ?? CPU)
    {
    }

    private TabularData(Generator generator, ReadOnlySpan<double> x, ReadOnlySpan<double> y, int batchSize, double validationFraction, Device device)
        : this(generator, new Parts(x, y, validationFraction, generator), batchSize, device)
    {
    }

    private TabularData(Generator generator, Parts parts, int batchSize, Device device)
        : base(parts.Training(device), parts.Validation(device), batchSize, generator)
    {
        XScale = parts.XScale;
        YScale = parts.YScale;
    }

    /// <inheritdoc/>
    public override Standardization XScale { get; }

    /// <inheritdoc/>
    public override Standardization YScale { get; }

    /// <summary>The rows of each part, in the order of x, with the training part's scales.</summary>
    private sealed class Parts
    {
        private readonly (double X, double Y)[] _training;
        private readonly (double X, double Y)[] _validation;

        public Parts(ReadOnlySpan<double> x, ReadOnlySpan<double> y, double validationFraction, Generator generator)
        {
            if (x.Length != y.Length)
            {
                throw new ArgumentException($"Expected as many targets as inputs ({x.Length}), got {y.Length}.", nameof(y));
            }

            if (x.Length < 3)
            {
                throw new ArgumentException($"Expected at least 3 rows, 2 to train on and 1 to validate with, got {x.Length}.", nameof(x));
            }

            CheckFinite(x, nameof(x));
            CheckFinite(y, nameof(y));
            if (!(validationFraction > 0 && validationFraction < 1))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(validationFraction), validationFraction, $"Expected more than 0 and less than 1, got {validationFraction}.");
            }

            var rows = new (double X, double Y)[x.Length];
            using (Tensor drawn = randperm(x.Length, ScalarType.Int64, CPU, generator: generator))
            {
                long[] order = drawn.data<long>().ToArray();
                for (int i = 0; i < rows.Length; i++)
                {
                    rows[i] = (x[(int)order[i]], y[(int)order[i]]);
                }
            }

            int held = Math.Clamp((int)Math.Round(validationFraction * rows.Length), 1, rows.Length - 2);
            _validation = Sorted(rows[..held]);
            _training = Sorted(rows[held..]);
            XScale = Measure(Array.ConvertAll(_training, row => row.X), nameof(x));
            YScale = Measure(Array.ConvertAll(_training, row => row.Y), nameof(y));
        }

        public Standardization XScale { get; }

        public Standardization YScale { get; }

        public (Tensor X, Tensor Y) Training(Device device) => Standardized(_training, device);

        public (Tensor X, Tensor Y) Validation(Device device) => Standardized(_validation, device);

        private static Standardization Measure(double[] training, string name)
        {
            try
            {
                return Standardization.Of(training);
            }
            catch (ArgumentException e)
            {
                throw new ArgumentException($"In the {training.Length} rows to train on: {e.Message.Split(" (Parameter")[0]}", name, e);
            }
        }

        private static void CheckFinite(ReadOnlySpan<double> column, string name)
        {
            for (int i = 0; i < column.Length; i++)
            {
                if (!double.IsFinite(column[i]))
                {
                    throw new ArgumentException($"Expected finite numbers, got {column[i]} in row {i + 1} (from 1).", name);
                }
            }
        }

        private static (double X, double Y)[] Sorted((double X, double Y)[] rows) => [.. rows.OrderBy(row => row.X)];

        private (Tensor X, Tensor Y) Standardized((double X, double Y)[] rows, Device device) =>
            (tensor(Array.ConvertAll(rows, row => Single(XScale, row.X, "x")), device: device),
             tensor(Array.ConvertAll(rows, row => Single(YScale, row.Y, "y")), device: device));

        private static float Single(Standardization scale, double value, string name)
        {
            var standardized = (float)scale.Apply(value);
            return float.IsFinite(standardized)
                ? standardized
                : throw new ArgumentException(
                    $"Expected rows of one scale, got {value} where the training part has a mean of {scale.Mean} and a deviation of {scale.Deviation}.", name);
        }
    }
}
