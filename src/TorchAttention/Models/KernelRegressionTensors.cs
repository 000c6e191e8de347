using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Pooling;

namespace TorchAttention.Models;

/// <summary>
/// <see cref="KernelRegression"/> on tensors of any device. Bandwidths are chosen on the CPU, in float64; the device of a prediction is
/// that of its queries, or the one that the model's options or the call ask for.
/// </summary>
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
    /// <remarks>
    /// On a device other than the CPU the local constant fit of the Gaussian without sample weights is computed there, in tiles and in the
    /// queries' number type; every other fit is computed on the CPU, by the engine, wherever its queries are.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="queries">Queries (m), or (m, d).</param>
    /// <param name="device">Where to compute; where null, on the device of the model's options, and where that is null too, on the queries'
    /// own.</param>
    /// <returns>f(q) (m), or (m, v) of several columns, in the queries' number type and on their device.</returns>
    /// <exception cref="ArgumentException">Queries of other features, a number that is not finite, a device that is not here.</exception>
    public static Tensor Predict(this KernelRegression model, Tensor queries, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        CheckShape(queries, nameof(queries));
        if (Columns(queries) != model.Features)
        {
            throw new ArgumentException($"Expected queries of {model.Features} features, got {Columns(queries)}.", nameof(queries));
        }

        device ??= model.Options.Device is string name ? ComputeDevice.Parse(name) : queries.device;
        bool streams = model.Options is { Degree: 0, Kernel.Name: "gaussian", Periods.Count: 0, Bandwidth.IsShare: false }
            && model.Weights.IsEmpty && model.Options.RobustIterations == 0 && queries.dtype is ScalarType.Float32 or ScalarType.Float64;
        if (device.type != DeviceType.CPU && streams)
        {
            return Stream(model, queries, device);
        }

        double[] mean = model.Predict(Flat(queries), new PredictionOptions { HasErrors = false }).Mean;
        using Tensor wide = tensor(mean, Shape(model, queries), ScalarType.Float64);
        return wide.to(queries.dtype, queries.device, copy: true);
    }

    /// <summary>The local constant fit of the Gaussian, on a device.</summary>
    internal static Tensor Stream(KernelRegression model, Tensor queries, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = There(model.Keys, model.Count, model.Features);
        Tensor values = There(model.Values, model.Count, model.Columns);
        Tensor w = tensor([.. model.Bandwidths.Select(h => 1 / h)], ScalarType.Float64).to(queries.dtype, device);
        Tensor mean = StreamingPooling.Pool(queries.reshape(-1, model.Features).to(device), keys, values, w);
        return mean.reshape(Shape(model, queries)).to(queries.device).MoveToOuterDisposeScope();

        Tensor There(ReadOnlySpan<double> numbers, long rows, long columns) =>
            tensor(numbers.ToArray(), [rows, columns], ScalarType.Float64).to(queries.dtype, device);
    }

    private static long[] Shape(KernelRegression model, Tensor queries) =>
        model.Columns == 1 ? [queries.shape[0]] : [queries.shape[0], model.Columns];

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
