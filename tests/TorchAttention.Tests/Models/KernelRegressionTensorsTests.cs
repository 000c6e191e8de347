using TorchAttention.Models;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Models;

public sealed class KernelRegressionTensorsTests
{
    [Fact]
    public void Tensors_GiveTheNumbersOfArrays()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        Tensor x = rand([80, 2], ScalarType.Float64, generator: generator);
        Tensor y = x.sum(1).sin();
        var options = new KernelRegressionOptions { Bandwidth = 0.2, Degree = 1 };
        KernelRegression model = KernelRegressionTensors.Fit(x, y, options);
        double[] expected = KernelRegression.Fit(
            x.reshape(-1).ToDoubles(), y.ToDoubles(), 2, options).Predict(x.reshape(-1).ToDoubles()).Mean;

        Tensor mean = model.Predict(x);
        Assert.Equal([80], mean.shape);
        Assert.Equal(expected, mean.ToDoubles());
        Assert.Equal(ScalarType.Float32, model.Predict(x.to(ScalarType.Float32)).dtype);
        Assert.Equal([80, 2], KernelRegressionTensors.Fit(x[TensorIndex.Colon, 0], x, options).Predict(y).shape);
    }

    public static IEnumerable<TheoryDataRow<string>> Devices => Pooling.PoolingProblem.Devices;

    // In tiles of tensors, as another device computes it, and by the engine: the same numbers.
    [Theory]
    [MemberData(nameof(Devices))]
    public void Devices_GiveTheEnginesNumbers(string device)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        Tensor x = rand([200, 2], ScalarType.Float64, generator: generator);
        Tensor y = stack([x.sum(1).sin(), x.prod(1)], 1);
        KernelRegression model = KernelRegressionTensors.Fit(x, y, new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(0.1, 0.3) });
        double[] expected = model.Predict(x).ToDoubles();

        Tensor there = KernelRegressionTensors.Stream(model, x, ComputeDevice.Parse(device));

        Assert.Equal([200, 2], there.shape);
        Assert.All(expected.Zip(there.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
        KernelRegression asked = KernelRegressionTensors.Fit(x, y, model.Options with { Device = device });
        Assert.Equal(DeviceType.CPU, asked.Predict(x).device_type);
        Assert.Equal(there.ToDoubles(), asked.Predict(x).ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-10);
        Assert.Equal(
            there.ToDoubles(), model.Predict(x.to(ComputeDevice.Parse(device)), ComputeDevice.Parse(device)).ToDoubles(),
            (a, b) => Math.Abs(a - b) < 1e-10);
    }

    [Fact]
    public void DeviceOfTheOptions_IsTheOneOfThePredictions()
    {
        Assert.SkipWhen(ComputeDevice.CudaCount() > 0, "This machine has a CUDA device.");
        using var scope = NewDisposeScope();
        KernelRegression model = KernelRegressionTensors.Fit(
            Numbers(5, ScalarType.Float64), Numbers(5, ScalarType.Float64), new KernelRegressionOptions { Bandwidth = 1, Device = "cuda" });
        Assert.Contains(
            "No CUDA device for 'cuda'", Assert.Throws<ArgumentException>(() => model.Predict(zeros(3, ScalarType.Float64))).Message,
            StringComparison.Ordinal);
        Assert.Equal([3], model.Predict(zeros(3, ScalarType.Float64), CPU).shape);
    }

    [Fact]
    public void OtherShapes_AreRefused()
    {
        using var scope = NewDisposeScope();
        KernelRegression model = KernelRegressionTensors.Fit(
            Numbers(5, ScalarType.Float64), Numbers(5, ScalarType.Float64), new KernelRegressionOptions { Bandwidth = 1 });
        Assert.Contains(
            "of 1 features, got 3", Assert.Throws<ArgumentException>(() => model.Predict(zeros(2, 3))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "as keys (5), got 4", Assert.Throws<ArgumentException>(() => KernelRegressionTensors.Fit(zeros(5), zeros(4))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got the shape (1, 1, 1)", Assert.Throws<ArgumentException>(() => model.Predict(zeros(1, 1, 1))).Message,
            StringComparison.Ordinal);
    }
}
