using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>The works of peers/engine.py on this side: this library's rows, and libtorch's beside them.</summary>
internal static class EngineRows
{
    private const double Single = 2e-6;
    private const double Double = 1e-10;

    /// <summary>float32 sums of n terms: 3e-5 is usual at 10,000 keys, and it grows with n; a wrong bandwidth is off by far more.</summary>
    private const double LibTorch = 1e-3;

    private static readonly PoolingOptions _auto = new();
    private static readonly PoolingOptions _exact = new() { Method = PoolingMethod.Exact };
    private static readonly PoolingOptions _line = new() { Method = PoolingMethod.Line };

    private static readonly Dictionary<string, Func<string, EngineRow[]>> _parts = new()
    {
        ["line-10000"] = folder => Pairs(folder, 10_000),
        ["line-30000"] = folder => Pairs(folder, 30_000),
        ["line-100000"] = folder => Pairs(folder, 100_000),
        ["cube-50000"] = Cube,
        ["line-2000"] = folder => Small(folder, "line-2000"),
        ["line-5000"] = folder => Small(folder, "line-5000"),
        ["cube-1000"] = folder => Small(folder, "cube-1000"),
        ["line-1000000"] = Line,
        ["growth"] = Growth,
    };

    /// <summary>Measures the parts of these names, or all where none is named.</summary>
    public static EngineRow[] Measure(string folder, params string[] parts) =>
        [.. (parts.Length == 0 ? [.. _parts.Keys] : parts).SelectMany(
            part => _parts.TryGetValue(part, out Func<string, EngineRow[]>? measure)
            ? measure(folder)
            : throw new ArgumentException($"Expected one of {string.Join(", ", _parts.Keys)}, got {part}."))];

    private static EngineRow[] Pairs(string folder, int n)
    {
        DataSet data = DataSet.Read(folder, $"line-{n}");
        using var libtorch = new LibTorchPooling(data, bandwidth: 1);
        EngineJob exact = Ours<Gaussian>($"exact-1d-f32-{n}", data, 1, _exact, isSingle: true);
        EngineJob fused = Theirs($"sdpa-1d-f32-{n}", exact, libtorch.Fused);
        return n switch
        {
            10_000 => EngineRow.Measure(
                folder, exact, fused, Theirs($"textbook-1d-f32-{n}", exact, libtorch.Textbook),
                Ours<Gaussian>($"auto-1d-f32-{n}", data, 1, _auto, isSingle: true)),
            30_000 => EngineRow.Measure(
                folder,
                exact,
                Ours<Gaussian>($"exact-1d-f64-{n}", data, 1, _exact, isSingle: false),
                Ours<Gaussian>($"exact-1d-f32-gradient-{n}", data, 1, _exact, isSingle: true, hasGradient: true),
                fused),
            _ => EngineRow.Measure(
                folder, exact, Ours<Gaussian>($"exact-1d-f32-{n}-one", data, 1, _exact with { Threads = 1 }, isSingle: true), fused),
        };
    }

    private static EngineRow[] Cube(string folder)
    {
        DataSet data = DataSet.Read(folder, "cube-50000");
        using var libtorch = new LibTorchPooling(data, bandwidth: 0.1);
        EngineJob exact = Ours<Gaussian>("exact-3d-f32-50000", data, 0.1, _exact, isSingle: true);
        return EngineRow.Measure(
            folder, exact, Ours<Gaussian>("auto-3d-f32-50000", data, 0.1, _auto, isSingle: true),
            Theirs("sdpa-3d-f32-50000", exact, libtorch.Fused));
    }

    private static EngineRow[] Small(string folder, string dataSet)
    {
        DataSet data = DataSet.Read(folder, dataSet);
        double[] bandwidths = [.. Enumerable.Repeat(0.1, data.Features)];
        EngineJob auto = Ours<Gaussian>($"auto-{dataSet}", data, 0.1, _auto, isSingle: false);
        return EngineRow.Measure(
            folder,
            Ours<Gaussian>($"exact-{dataSet}", data, 0.1, _exact, isSingle: false),
            auto,
            Theirs($"dense-{dataSet}", auto, () =>
                [.. DenseAttention.Pool<Gaussian>(data.X, data.X, data.Y, bandwidths).Select(result => result.Output)]));
    }

    private static EngineRow[] Line(string folder)
    {
        DataSet many = DataSet.Read(folder, "line-1000000");
        DataSet some = DataSet.Read(folder, "line-100000");
        (DataSet shuffled, int[] order) = many.Shuffled();
        DataSet grid = many with { Queries = [.. Enumerable.Range(0, 401).Select(i => i * 5 / 400.0)] };
        return EngineRow.Measure(
            folder,
            Ours<Gaussian>("line-gaussian-1000000", many, 0.1, _auto, isSingle: false),
            Ours<Gaussian>("line-gaussian-1000000-unsorted", shuffled, 0.1, _auto, isSingle: false) with { Order = order },
            Ours<Epanechnikov>("line-epanechnikov-1000000", many, 0.1, _auto, isSingle: false),
            Ours<Gaussian>("line-grid", grid, 0.1, _line, isSingle: false),
            Ours<Gaussian>("auto-grid", grid, 0.1, _auto, isSingle: false),
            Ours<Gaussian>("line-gaussian-100000", some, 0.1, _auto, isSingle: false),
            Ours<Boxcar>("line-box-100000", some, 0.1, _auto, isSingle: false));
    }

    // The largest is made here: its file would take longer to write than all of this to run.
    private static EngineRow[] Growth(string folder) =>
        EngineRow.Measure(folder, [.. ((int[])[100_000, 1_000_000, 10_000_000]).Select(n =>
            Ours<Gaussian>($"growth-{n}", DataSet.Line(n), 0.1, _auto, isSingle: false) with { IsFromFolder = false })]);

    private static EngineJob Ours<TKernel>(
        string name, DataSet data, double bandwidth, PoolingOptions options, bool isSingle, bool hasGradient = false)
        where TKernel : IKernel
    {
        var work = new PoolingWork<TKernel>(data, bandwidth, options, isSingle, hasGradient);
        return new EngineJob(name, data.Y.Length, work.Run, work.Exact, isSingle ? Single : Double)
        {
            WarmUp = () => work.WarmUp(work.Pool().Method),
            Report = () => work.Report,
        };
    }

    private static EngineJob Theirs(string name, EngineJob ours, Func<double[]> run) =>
        new(name, ours.N, run, ours.Exact, Math.Max(LibTorch, ours.Tolerance));
}
