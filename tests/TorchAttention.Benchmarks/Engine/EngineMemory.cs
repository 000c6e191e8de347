using System.Globalization;
using System.Text.Json;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>
/// The memory that pooling takes beside its inputs and outputs: a million queries on a million other keys, one feature, float32, in no
/// order.
/// </summary>
internal static class EngineMemory
{
    private const int Count = 1_000_000;
    private const double Bandwidth = 0.1;

    public static void Print()
    {
        var random = new Random(0);
        float[] keys = Numbers(random);
        float[] queries = Numbers(random);
        float[] values = Numbers(random);
        float[] pooled = Numbers(random);
        for (int i = 0; i < 3; i++)
        {
            Pool(queries.AsSpan(0, 5000), keys.AsSpan(0, 5000), values.AsSpan(0, 5000), pooled.AsSpan(0, 5000));
        }

        // From here on the peak is that of the call.
        File.WriteAllText("/proc/self/clear_refs", "5");
        long before = Status("VmRSS");
        PoolingReport report = Pool(queries, keys, values, pooled);
        long peak = Status("VmHWM");
        Console.WriteLine(JsonSerializer.Serialize(
            new { N = Count, M = Count, Method = report.Method.ToString(), BeforeMb = before / 1024.0, PeakMb = peak / 1024.0 },
            EngineRun.Json));
    }

    private static PoolingReport Pool(
        ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> pooled) =>
        KernelPooling.Pool<Gaussian>(
            new PoolingInput<float> { Queries = queries, Keys = keys, Values = values, Bandwidths = [Bandwidth] },
            new PoolingOutput<float> { Values = pooled });

    private static float[] Numbers(Random random)
    {
        float[] numbers = new float[Count];
        for (int i = 0; i < Count; i++)
        {
            numbers[i] = random.NextSingle() * 5;
        }

        return numbers;
    }

    /// <summary>A number of kilobytes that Linux keeps about this process.</summary>
    private static long Status(string name)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith($"{name}:", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }
}
