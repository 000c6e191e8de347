using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Tests.Models;

/// <summary>The kernel models by name, on data of their own: what every one of them must hold to.</summary>
internal static class KernelModels
{
    public const int Examples = 50;

    public static IReadOnlyList<string> Names { get; } =
        ["nw", "nw of 2 features", "relevance", "relevance of 1 feature", "regional", "each key's own", Planes, $"{Planes} of 2 features"];

    private const string Planes = "planes";

    /// <summary>Whether its inputs are of two features.</summary>
    public static bool IsMatrix(string name) => name.EndsWith("of 2 features", StringComparison.Ordinal) || name == "relevance";

    /// <summary>Whether it takes a kernel.</summary>
    public static bool Takes(string name, SmoothingKernel kernel) =>
        !name.StartsWith(Planes, StringComparison.Ordinal) || kernel == SmoothingKernel.Gaussian;

    public static IEnumerable<SmoothingKernel> Kernels => SmoothingKernel.All.Where(kernel => kernel != SmoothingKernel.Boxcar);

    /// <summary>Inputs (n), or (n, 2), and targets (n).</summary>
    public static (Tensor X, Tensor Y) Data(string name, ScalarType type = ScalarType.Float64, string device = "cpu")
    {
        bool isMatrix = IsMatrix(name);
        using var generator = new Generator(8);
        Tensor x = rand(isMatrix ? [Examples, 2] : [Examples], ScalarType.Float64, generator: generator).Times(isMatrix ? 2.5 : 5);
        Tensor y = (isMatrix ? x.sum(dim: 1) : x).sin().Plus(randn(Examples, ScalarType.Float64, generator: generator).Times(0.3));
        return (x.to(type).to(ComputeDevice.Parse(device)), y.to(type).to(ComputeDevice.Parse(device)));
    }

    public static NWKernelRegression Create(string name, Tensor keys, Tensor values, KernelModelOptions options) =>
        new(keys, values, name switch
        {
            "nw" or "nw of 2 features" => options,
            "relevance" or "relevance of 1 feature" => options with { Widths = KernelWidths.PerFeature },
            Planes => Plane(options),
            Planes + " of 2 features" => Plane(options) with { Widths = KernelWidths.PerFeature, LearnRidge = true },
            "regional" => options with { Widths = KernelWidths.PerRegion, Regions = 4 },
            _ => options with { Widths = KernelWidths.PerRegion, Regions = (int)keys.shape[0] },
        });

    private static KernelModelOptions Plane(KernelModelOptions options) => options with { Degree = 1, Kernel = SmoothingKernel.Gaussian };
}
