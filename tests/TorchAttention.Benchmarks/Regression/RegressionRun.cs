using System.Text.Json;
using TorchAttention.Benchmarks.Engine;

namespace TorchAttention.Benchmarks.Regression;

/// <summary>
/// This side of peers/regression.py: reads the data sets of a folder, writes the answers of each row beside them, and prints one JSON
/// object.
/// </summary>
internal static class RegressionRun
{
    public static void Print(string folder, params string[] parts)
    {
        EngineRow[] rows = RegressionRows.Measure(folder, parts);
        Console.WriteLine(
            JsonSerializer.Serialize(
            new { Dotnet = Environment.Version.ToString(), Threads = Environment.ProcessorCount, Rows = rows }, EngineRun.Json));
    }
}
