using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests;

public sealed class ComputeDeviceTests
{
    [Fact]
    public void Cpu_IsAlwaysThere() => Assert.Equal(DeviceType.CPU, ComputeDevice.Parse("cpu").type);

    [Fact]
    public void Auto_IsCudaWhereThereIsOne() =>
        Assert.Equal(ComputeDevice.CudaCount() > 0 ? DeviceType.CUDA : DeviceType.CPU, ComputeDevice.Parse("auto").type);

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:1")]
    public void MissingCuda_IsAnArgumentException(string name)
    {
        Assert.SkipWhen(ComputeDevice.CudaCount() > 0, "This machine has a CUDA device.");
        Assert.Contains($"'{name}'", Assert.Throws<ArgumentException>(() => ComputeDevice.Parse(name)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auto", true)]
    [InlineData("cuda:12", true)]
    [InlineData("cuda:", false)]
    [InlineData("cuda:-1", false)]
    [InlineData("CPU", false)]
    [InlineData("", false)]
    public void Name_IsCheckedWithoutLibTorch(string name, bool valid) => Assert.Equal(valid, ComputeDevice.IsName(name));

    [Fact]
    public void Training_OnCudaDiffersFromTheCpusByRoundingAlone()
    {
        Assert.SkipWhen(ComputeDevice.CudaCount() == 0, "libtorch sees no CUDA device.");
        double[] onCpu = Train("cpu");
        double[] onCuda = Train("cuda");

        Assert.All(onCpu.Zip(onCuda), pair => Assert.Equal(1, pair.Second / pair.First, 1e-4));
    }

    private static double[] Train(string device)
    {
        using var data = new NonlinearData(device: ComputeDevice.Parse(device));
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        new Trainer().Fit(model, data);
        using Tensor yHat = model.call(data.XVal);
        return [model.W.ToDoubles()[0], .. yHat.ToDoubles()];
    }
}
