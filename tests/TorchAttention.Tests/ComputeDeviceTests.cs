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
}
