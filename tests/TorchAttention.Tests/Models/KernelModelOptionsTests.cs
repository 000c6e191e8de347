using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Models;

public sealed class KernelModelOptionsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Defaults_AreTheChapters()
    {
        var options = new KernelModelOptions();
        Assert.Equal(
            (SmoothingKernel.Gaussian, 1, false, false, 1),
            (options.Kernel, options.LearningRate, options.LeaveOneOut, options.LearnValues, options.InitialW));
        Assert.Equal((KernelWidths.Shared, 5), (options.Widths, options.Regions));
        using var model = new NWKernelRegression(zeros(3), zeros(3));
        Assert.Equal(options, model.Options);
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Refused(
            "(gaussian, epanechnikov, triangular, biweight, tricube), got boxcar: its gradient is 0 everywhere",
            () => Create(new() { Kernel = SmoothingKernel.Boxcar }));
        Refused("got 0", () => Create(new() { LearningRate = 0 }));
        Refused("got -1", () => Create(new() { InitialW = -1 }));
        Refused("at least 2", () => new NWKernelRegression(zeros(1, 2), zeros(1), new() { LeaveOneOut = true }));
        Refused("got shape (3, 1, 1)", () => new NWKernelRegression(zeros(3, 1, 1), zeros(3), new()));
        KernelModelOptions relevance = new() { Widths = KernelWidths.PerFeature };
        Refused("as many values as keys (3), got 2", () => new NWKernelRegression(zeros(3, 2), zeros(2), relevance));
        KernelModelOptions regional = new() { Widths = KernelWidths.PerRegion, Regions = 2 };
        Refused("a vector of at least one element, got shape (3, 2)", () => new NWKernelRegression(zeros(3, 2), zeros(3), regional));
        Refused("at least 1, got 0", () => Create(new() { Regions = 0 }));
        Refused("one of Shared, PerFeature, PerRegion, got 3", () => Create(new() { Widths = (KernelWidths)3 }));
        Refused(
            "Expected queries (m, 2) for keys (3, 2), got shape (4).",
            () => new NonparametricAttentionPooling(zeros(3, 2), zeros(3)).call(zeros(4)));
    }

    [Fact]
    public void OtherQueries_AreRefusedWithBothShapes()
    {
        using var vectors = new NWKernelRegression(zeros(3), zeros(3));
        using var rows = new NWKernelRegression(zeros(3, 2), zeros(3), new() { Widths = KernelWidths.PerFeature });
        Refused("Expected queries (m) for keys (3), got shape (4, 2).", () => vectors.call(zeros(4, 2)));
        Refused("Expected queries (m, 2) for keys (3, 2), got shape (4).", () => rows.call(zeros(4)));
        Refused(
            "Expected queries (m, 2) for keys (3, 2), got shape (4, 3).",
            () => rows.PredictWithout(new(zeros(4, 3), zeros(4), zeros(4, ScalarType.Int64))));
    }

    [Fact]
    public void StreamingForm_IsForTheGaussian()
    {
        using NWKernelRegression model = Create(new() { Kernel = SmoothingKernel.Tricube });
        model.Method = AttentionMethod.Streaming;
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => model.call(zeros(2)));
        Assert.Equal("The method Streaming takes the gaussian kernel alone; with the kernel tricube use Textbook or Auto.", error.Message);
    }

    private static NWKernelRegression Create(KernelModelOptions options) => new(Numbers(3, ScalarType.Float32), zeros(3), options);

    private static void Refused(string message, Func<object> create) =>
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(create).Message, StringComparison.Ordinal);
}
