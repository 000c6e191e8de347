using System.Text.Json;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>
/// This side of peers/engine.py: reads the data sets of a folder, writes the answers of each row beside them, and prints one JSON object,
/// as the peer programs do.
/// </summary>
internal static class EngineRun
{
    public static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static void Print(string folder, params string[] parts)
    {
        int threads = Environment.ProcessorCount;
        set_num_threads(threads);
        EngineRow[] rows = EngineRows.Measure(folder, parts);
        Console.WriteLine(JsonSerializer.Serialize(
            new
            {
                Dotnet = Environment.Version.ToString(),
                Torchsharp = typeof(torch).Assembly.GetName().Version!.ToString(3),
                Libtorch = __version__,
                Threads = threads,
                Core = CoreSpeed.Measure(),
                Rows = rows,
            },
            Json));
    }
}
