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

    /// <summary>Values (n, v) of units and levels of their own: about a wave, a parabola a million up, nothing but noise.</summary>
    public static double[] Columns(double[] x, int columns, int seed)
    {
        var random = new Random(seed);
        return [.. x.SelectMany(at => Enumerable.Range(0, columns).Select(c => (c % 3) switch
        {
            0 => Math.Sin(7 * at) + random.NextDouble() - 0.5,
            1 => 1e6 + (1e3 * ((at * at) + (0.1 * random.NextDouble()))),
            _ => 1e-3 * random.NextDouble(),
        }))];
    }

    /// <summary>Rows of three classes, the last of them rare.</summary>
    public static (double[] X, string[] Labels) Classes(int n, int seed)
    {
        var random = new Random(seed);
        double[] x = [.. Enumerable.Range(0, n).Select(_ => random.NextDouble())];
        return (x, [.. x.Select(at =>
            random.NextDouble() < 0.5 + (0.4 * Math.Sin(7 * at)) ? "one" : random.NextDouble() < 0.95 ? "two, too" : "rare")]);
    }

    public static double[] Weights(int n, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, n).Select(_ => Math.Pow(10, 2 * random.NextDouble()))];
    }
}
