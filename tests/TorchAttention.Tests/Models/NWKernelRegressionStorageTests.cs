using TorchAttention.Models;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Models;

public sealed class NWKernelRegressionStorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("storage").FullName;

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(ScalarType.Float32, true)]
    [InlineData(ScalarType.Float64, false)]
    public void LoadedModel_PredictsTheSameBitForBit(ScalarType type, bool leaveOneOut)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor keys = rand([50], type, generator: generator).Times(5);
        using var model = new NWKernelRegression(keys, keys.sin(), lr: 0.1234567890123, leaveOneOut: leaveOneOut);
        using (no_grad())
        {
            model.W.FillInPlace(2.839349);
        }

        model.Save(Path);
        using NWKernelRegression loaded = NWKernelRegression.Load(Path);

        Tensor queries = linspace(-1, 6, 70, type);
        Assert.Equal(type, loaded.W.dtype);
        Assert.True(loaded.W.requires_grad);
        Assert.Equal(leaveOneOut, loaded.LeaveOneOut);
        Assert.Equal(model.call(queries).ToDoubles(), loaded.call(queries).ToDoubles());
        model.Save(Path + "2");
        Assert.Equal(File.ReadAllBytes(Path), File.ReadAllBytes(Path + "2"));
    }

    [Fact]
    public void OtherModels_AreRefused()
    {
        KernelRegression.Fit([1, 2], [1, 2], new KernelRegressionOptions { Bandwidth = 1 }).Save(Path);
        StorageException error = Assert.Throws<StorageException>(() => NWKernelRegression.Load(Path));
        Assert.Contains(
            "of the kind 'nw_kernel_regression', 'relevance_kernel_regression', 'regional_kernel_regression', "
                + "'local_linear_regression', 'local_linear_relevance_regression', found 'kernel_regression'",
            error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void LoadedModel_HasTheWidthsThatItWasSavedWith()
    {
        var options = new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 2 };
        using var model = new NWKernelRegression(tensor([3f, 1f, 2f]), zeros(3), options);
        model.Save(Path);
        using NWKernelRegression loaded = NWKernelRegression.Load(Path);
        Assert.Equal(options, loaded.Options);
        Assert.Equal(model.Regions!.ToDoubles(), loaded.Regions!.ToDoubles());
    }

    // Checkpoints of earlier versions name the module so.
    [Theory]
    [InlineData(KernelWidths.Shared, "NWKernelRegression")]
    [InlineData(KernelWidths.PerFeature, "RelevanceKernelRegression")]
    [InlineData(KernelWidths.PerRegion, "RegionalKernelRegression")]
    public void ModulesName_SaysWhatTheWidthsBelongTo(KernelWidths widths, string name)
    {
        using var model = new NWKernelRegression(zeros(3), zeros(3), new() { Widths = widths, Regions = 2 });
        Assert.Equal(name, model.GetName());
    }
}
