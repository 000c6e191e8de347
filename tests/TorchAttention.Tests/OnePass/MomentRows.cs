namespace TorchAttention.Tests.OnePass;

/// <summary>Rows about a wave, and weights over two orders of ten.</summary>
internal static class MomentRows
{
    public static (double[] X, double[] Y) Draw(int n, int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => random.NextDouble())];
        return (x, [.. x.Select(at => Math.Sin(7 * at) + random.NextDouble() - 0.5)]);
    }

    public static double[] Weights(int n, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, n).Select(_ => Math.Pow(10, 2 * random.NextDouble()))];
    }
}
