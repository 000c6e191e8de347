using TorchAttention.Numerics;

namespace TorchAttention.Data;

/// <summary>The rows of each part of a table, in the order of the first feature, with the training part's scales.</summary>
internal sealed class TabularParts
{
    private readonly IReadOnlyList<double[]> _x;
    private readonly double[] _y;
    private readonly int[] _training;
    private readonly int[] _validation;

    /// <summary>Checks and splits the columns.</summary>
    /// <param name="x">The features' columns (d), each (n).</param>
    /// <param name="y">Targets (n).</param>
    /// <param name="validationFraction">The part held out.</param>
    /// <param name="generator">Decides which rows are.</param>
    public TabularParts(IReadOnlyList<double[]> x, ReadOnlySpan<double> y, double validationFraction, Generator generator)
    {
        Check(x, y);
        if (!(validationFraction > 0 && validationFraction < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(validationFraction), validationFraction, $"Expected more than 0 and less than 1, got {validationFraction}.");
        }

        (_x, _y) = (x, y.ToArray());
        int[] order;
        using (Tensor drawn = randperm(_y.Length, ScalarType.Int64, CPU, generator: generator))
        {
            order = [.. drawn.data<long>().Select(row => (int)row)];
        }

        int held = Math.Clamp((int)Math.Round(validationFraction * order.Length), 1, order.Length - 2);
        _validation = [.. order[..held].OrderBy(row => x[0][row])];
        _training = [.. order[held..].OrderBy(row => x[0][row])];
        XScales = [.. x.Select((column, j) => Measure(column, j))];
        YScale = Measure(_y, null);
    }

    public Standardization[] XScales { get; }

    public Standardization YScale { get; }

    public (Tensor X, Tensor Y) Training(Device device) => Standardized(_training, device);

    public (Tensor X, Tensor Y) Validation(Device device) => Standardized(_validation, device);

    private static void Check(IReadOnlyList<double[]> x, ReadOnlySpan<double> y)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Count == 0)
        {
            throw new ArgumentException("Expected at least 1 column of inputs, got 0.", nameof(x));
        }

        for (int j = 0; j < x.Count; j++)
        {
            int rows = x[j]?.Length ?? throw new ArgumentException($"Expected columns of inputs, got null{Where(j, x.Count)}.", nameof(x));
            if (rows != x[0].Length)
            {
                throw new ArgumentException(
                    $"Expected as many inputs{Where(j, x.Count)} as in the first ({x[0].Length}), got {rows}.", nameof(x));
            }
        }

        if (x[0].Length != y.Length)
        {
            throw new ArgumentException($"Expected as many targets as inputs ({x[0].Length}), got {y.Length}.", nameof(y));
        }

        if (y.Length < 3)
        {
            throw new ArgumentException($"Expected at least 3 rows, 2 to train on and 1 to validate with, got {y.Length}.", nameof(x));
        }

        for (int j = 0; j < x.Count; j++)
        {
            CheckFinite(x[j], nameof(x), Where(j, x.Count));
        }

        CheckFinite(y, nameof(y), "");
    }

    private static void CheckFinite(ReadOnlySpan<double> column, string name, string where)
    {
        for (int i = 0; i < column.Length; i++)
        {
            if (!double.IsFinite(column[i]))
            {
                throw new ArgumentException($"Expected finite numbers, got {column[i]} in row {i + 1} (from 1){where}.", name);
            }
        }
    }

    private static string Where(int column, int columns) => columns == 1 ? "" : $" in column {column + 1} of {columns}";

    private Standardization Measure(double[] column, int? feature) =>
        Standardization.TryOf(
            Array.ConvertAll(_training, row => column[row]), out Standardization scale, out (string Expected, string Got) problem)
            ? scale
            : throw Unusable(
                RegressionProblem.NoSpread, $"{problem.Expected} in the {_training.Length} rows to train on", problem.Got, feature);

    private (Tensor X, Tensor Y) Standardized(int[] rows, Device device)
    {
        int features = _x.Count;
        float[] x = new float[rows.Length * features];
        for (int j = 0; j < features; j++)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                x[(i * features) + j] = Single(XScales[j], _x[j][rows[i]], j);
            }
        }

        float[] y = Array.ConvertAll(rows, row => Single(YScale, _y[row], null));
        return (features == 1 ? tensor(x, device: device) : tensor(x, [rows.Length, features], device: device), tensor(y, device: device));
    }

    private static float Single(Standardization scale, double value, int? feature)
    {
        var standardized = (float)scale.Apply(value);
        return float.IsFinite(standardized)
            ? standardized
            : throw Unusable(
                RegressionProblem.Range, "rows of one scale",
                $"{value} where the training part has a mean of {scale.Mean} and a deviation of {scale.Deviation}", feature);
    }

    private static RegressionDataException Unusable(RegressionProblem kind, string expected, string got, int? feature) =>
        new(kind, expected, got, feature is null ? "y" : "x") { Feature = feature };
}
