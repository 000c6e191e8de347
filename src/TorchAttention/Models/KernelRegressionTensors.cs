using TorchAttention.Numerics.Regression;

namespace TorchAttention.Models;

/// <summary><see cref="KernelRegression"/> on tensors of any device: the numbers are computed on the CPU in float64, and answers go back to where the question came from.</summary>
public static class KernelRegressionTensors
{
    /// <summary>Fits a kernel regression.</summary>
    /// <param name="x">Keys (n), or (n, d).</param>
    /// <param name="y">Values (n), or (n, v).</param>
    /// <param name="options">The defaults where null.</param>
    /// <param name="weights">How much each example counts (n); each the same where null.</param>
    /// <returns>The model; it keeps a copy of the data.</returns>
    /// <exception cref="ArgumentException">Shapes that do not fit each other, a number that is not finite.</exception>
    /// <exception cref="RegressionDataException">Data that the bandwidth's rule cannot use.</exception>
    public static KernelRegression Fit(Tensor x, Tensor y, KernelRegressionOptions? options = null, Tensor? weights = null)
    {
        CheckShape(x, nameof(x));
        CheckShape(y, nameof(y));
        return y.shape[0] == x.shape[0]
            ? KernelRegression.Fit(Flat(x), Flat(y), Columns(x), options, weights is null ? [] : Flat(weights))
            : throw new ArgumentException($"Expected as many values as keys ({x.shape[0]}), got {y.shape[0]}.", nameof(y));
    }

    /// <summary>Predicts the mean.</summary>
    /// <param name="model">The model.</param>
    /// <param name="queries">Queries (m), or (m, d).</param>
    /// <returns>f(q) (m), or (m, v) of several columns, in the queries' number type and on their device.</returns>
    /// <exception cref="ArgumentException">Queries of other features, a number that is not finite.</exception>
    public static Tensor Predict(this KernelRegression model, Tensor queries)
    {
        ArgumentNullException.ThrowIfNull(model);
        CheckShape(queries, nameof(queries));
        if (Columns(queries) != model.Features)
        {
            throw new ArgumentException($"Expected queries of {model.Features} features, got {Columns(queries)}.", nameof(queries));
        }

        double[] mean = model.Predict(Flat(queries), new PredictionOptions { HasErrors = false }).Mean;
        ReadOnlySpan<long> shape = model.Columns == 1 ? [queries.shape[0]] : [queries.shape[0], model.Columns];
        using Tensor wide = tensor(mean, shape.ToArray(), ScalarType.Float64);
        return wide.to(queries.dtype, queries.device, copy: true);
    }

    private static double[] Flat(Tensor numbers)
    {
        using Tensor flat = numbers.reshape(-1);
        return flat.ToDoubles();
    }

    private static int Columns(Tensor numbers) => numbers.dim() == 1 ? 1 : (int)numbers.shape[1];

    private static void CheckShape(Tensor numbers, string name)
    {
        ArgumentNullException.ThrowIfNull(numbers, name);
        if (numbers.dim() is not (1 or 2))
        {
            throw new ArgumentException($"Expected a vector or a matrix, got the shape ({string.Join(", ", numbers.shape)}).", name);
        }
    }
}
