using System.Diagnostics;
using System.Globalization;
using TorchAttention.Numerics.Attention;
using TorchAttention.Pooling;

namespace TorchAttention.Benchmarks;

/// <summary>Attention in tiles beside libtorch's, by turns in one process, both on all threads: <c>--attention</c>.</summary>
internal static class AttentionTime
{
    private const int Turns = 5;

    public static void Print()
    {
        using IDisposable noGradients = no_grad();
        Console.WriteLine("| work, float32, median of 5 | ms | libtorch, ms | ratio |\n|---|---|---|---|");
        foreach (int d in (int[])[3, 16, 64])
        {
            (Tensor q, Tensor k, Tensor v) = Draw(8192, d);
            Row(
                $"dense, n = 8,192, d = {d}", () => TiledAttention.Attend<DotProductScore>(q, k, v),
                () => nn.functional.scaled_dot_product_attention(q, k, v));
        }

        const int Window = 256;
        (Tensor queries, Tensor keys, Tensor values) = Draw(16384, 16);
        Tensor lead = (arange(16384).unsqueeze(1) - arange(16384).unsqueeze(0)).abs();
        Tensor mask = lead < Window;
        lead.Dispose();
        var options = new TiledOptions { Range = new WindowKeys(Window) };
        Tensor Tiled() => TiledAttention.Attend<DotProductScore>(queries, keys, values, options);
        Row("window 256 of 16,384, d = 16, beside masked", Tiled, () => Fused(mask));
        Row("the same beside dense", Tiled, () => Fused(null));

        Tensor Fused(Tensor? attended) => nn.functional.scaled_dot_product_attention(queries, keys, values, attended);
    }

    private static (Tensor Q, Tensor K, Tensor V) Draw(int n, int d) => (randn(1, 1, n, d), randn(1, 1, n, d), randn(1, 1, n, d));

    private static void Row(string name, Func<Tensor> ours, Func<Tensor> theirs)
    {
        Time(ours);
        Time(theirs);
        (double Ours, double Theirs)[] times = [.. Enumerable.Range(0, Turns).Select(_ => (Time(ours), Time(theirs)))];
        (double own, double other) = (Median(times.Select(time => time.Ours)), Median(times.Select(time => time.Theirs)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {own:F1} | {other:F1} | {other / own:F1} |"));
    }

    private static double Time(Func<Tensor> run)
    {
        long start = Stopwatch.GetTimestamp();
        run().Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(IEnumerable<double> numbers) => numbers.Order().ElementAt(Turns / 2);
}
