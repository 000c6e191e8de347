using System.Diagnostics;
using System.Text.Json;

namespace TorchAttention.Benchmarks;

/// <summary>The training step timed by hand, as peers/chapter.py --step-time does it, printed as one line of JSON.</summary>
internal static class StepTime
{
    public static void Print(double seconds)
    {
        int defaultThreads = get_num_threads();
        using var training = new ChapterTraining();
        Dictionary<string, double> asDefault = Measure(training, seconds);
        set_num_threads(1);
        Dictionary<string, double> onOne = Measure(training, seconds);
        Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["step_us"] = new Dictionary<string, object> { ["default"] = asDefault, ["1"] = onOne },
            ["default_threads"] = defaultThreads,
            ["dotnet"] = Environment.Version.ToString(),
            ["torchsharp"] = typeof(torch).Assembly.GetName().Version!.ToString(3),
            ["libtorch"] = __version__,
        }));
    }

    private static Dictionary<string, double> Measure(ChapterTraining training, double seconds) => new()
    {
        ["bare"] = Median(training.Bare, seconds),
        ["loader"] = Median(training.Loader, seconds),
        ["fit"] = Median(() => training.Fit(), seconds),
    };

    private static double Median(Action job, double seconds)
    {
        Sample(job, Math.Max(seconds / 4, 1));
        List<double> samples = Sample(job, seconds);
        samples.Sort();
        return Math.Round(samples[samples.Count / 2], 2);
    }

    private static List<double> Sample(Action job, double seconds)
    {
        var samples = new List<double>();
        var whole = Stopwatch.StartNew();
        while (whole.Elapsed.TotalSeconds < seconds)
        {
            long started = Stopwatch.GetTimestamp();
            job();
            samples.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / ChapterTraining.Steps);
        }

        return samples;
    }
}
