using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Tests.Sharding;

/// <summary>A folder for shards, and rows to deal to them.</summary>
public abstract class ShardFolder : IDisposable
{
    private protected string Folder { get; } = Directory.CreateTempSubdirectory("torchattention-shards-").FullName;

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    // Dense and thin places, a gap, copies, and values of a common level.
    private protected static (double[] X, double[] Y, double[] Weights) Rows(
        int n, int features, int columns = 1, bool hasWeights = false, int seed = 1)
    {
        var random = new Random(seed);
        double[] x = new double[n * features];
        double[] y = new double[n * columns];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < features; j++)
            {
                double at = 10 * Math.Pow(random.NextDouble(), 1 + (j % 2));
                x[(i * features) + j] = i % 17 == 0 && j == 0 ? 3 : at is > 4 and < 5.5 ? at + 10 : at;
            }

            for (int c = 0; c < columns; c++)
            {
                y[(i * columns) + c] = 1000 + Math.Sin(x[i * features]) + (c * x[(i * features) + features - 1]) + random.NextDouble();
            }
        }

        return (x, y, hasWeights ? [.. Enumerable.Range(0, n).Select(i => (i % 5) * (1.0 + (i % 3)))] : []);
    }

    private protected ShardManifest Write(
        (double[] X, double[] Y, double[] Weights) rows, int features, int shards, string name = "shards", int batch = 1000)
    {
        (double[] x, double[] y, double[] weights) = rows;
        int n = x.Length / features;
        int columns = y.Length / n;
        var cuts = ShardCuts.Choose(x.AsSpan(0, n / 2 * features), features, shards);
        using var writer = new ShardWriter(Path.Combine(Folder, name), cuts, columns, weights.Length > 0);
        for (int first = 0; first < n; first += batch)
        {
            int some = Math.Min(batch, n - first);
            writer.Add(
                x.AsSpan(first * features, some * features), y.AsSpan(first * columns, some * columns),
                weights.Length == 0 ? [] : weights.AsSpan(first, some));
        }

        return writer.Finish(new Dictionary<string, string> { ["x"] = "a", ["y"] = "b" });
    }
}
