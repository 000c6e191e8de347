using System.Text.Json;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>
/// This side of peers/engine.py: reads the data sets of a folder, writes the answers of each row beside them, and prints one JSON object, as the peer
/// programs do.
/// </summary>
internal static class EngineRun
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static void Print(string folder)
    {
        int threads = Environment.ProcessorCount;
        set_num_threads(threads);
        EngineRow[] rows = [.. LibTorchRows.Measure(folder), .. DenseRows.Measure(folder)];
        Console.WriteLine(JsonSerializer.Serialize(
            new
            {
                Dotnet = Environment.Version.ToString(),
                Torchsharp = typeof(torch).Assembly.GetName().Version!.ToString(3),
                Libtorch = __version__,
                Threads = threads,
                Rows = rows,
            },
            _json));
    }
}
