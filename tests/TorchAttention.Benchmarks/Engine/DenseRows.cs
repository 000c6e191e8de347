using TorchAttention.Numerics.Engine;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>The naive baseline: pair by pair in float64 on one thread, a Gaussian with h = 0.1.</summary>
internal static class DenseRows
{
    private const double Bandwidth = 0.1;

    public static IEnumerable<EngineRow> Measure(string folder)
    {
        yield return AtItsKeys(folder, "dense-1d-f64-2000", "line-2000", features: 1);
        yield return AtItsKeys(folder, "dense-1d-f64-5000", "line-5000", features: 1);
        yield return AtItsKeys(folder, "dense-3d-f64-1000", "cube-1000", features: 3);
    }

    private static EngineRow AtItsKeys(string folder, string name, string dataSet, int features)
    {
        DataSet data = DataSet.Read(Path.Combine(folder, dataSet), features);
        double[] bandwidths = [.. Enumerable.Repeat(Bandwidth, features)];
        return EngineRow.Measure(folder, name, data.Y.Length, () =>
            [.. DenseAttention.Pool<Gaussian>(data.X, data.X, data.Y, bandwidths).Select(result => result.Output)]);
    }
}
