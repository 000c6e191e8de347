using System.Diagnostics;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>One measured piece of work.</summary>
/// <param name="Name">Its name, under which peers/engine.py looks it up.</param>
/// <param name="N">Keys.</param>
/// <param name="M">Queries.</param>
/// <param name="Seconds">The median of some runs after one that warms up.</param>
/// <param name="Answers">The file with its m answers.</param>
internal sealed record EngineRow(string Name, int N, int M, double Seconds, string Answers)
{
    private const int Runs = 3;

    /// <summary>Nanoseconds for each pair of a query and a key.</summary>
    public double NsPerPair => Seconds * 1e9 / N / M;

    /// <summary>The largest difference from a more exact form that was looked at, in units of the answers' range; null where none was.</summary>
    public double? Error { get; init; }

    /// <summary>Measures a job, and writes its answers into the folder.</summary>
    public static EngineRow Measure(string folder, string name, int n, Func<double[]> job)
    {
        double[] answers = job();
        var seconds = new double[Runs];
        for (int i = 0; i < Runs; i++)
        {
            long started = Stopwatch.GetTimestamp();
            answers = job();
            seconds[i] = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        Array.Sort(seconds);
        string file = $"{name}.f64";
        DataSet.WriteNumbers(Path.Combine(folder, file), answers);
        return new EngineRow(name, n, answers.Length, seconds[Runs / 2], file);
    }
}
