using System.Diagnostics;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>One measured piece of work.</summary>
/// <param name="Name">Its name, under which peers/engine.py looks it up.</param>
/// <param name="N">Keys.</param>
/// <param name="M">Queries.</param>
/// <param name="Seconds">The median of the runs.</param>
/// <param name="Least">The fastest run.</param>
/// <param name="Processor">The median of the processor time of all threads, in seconds: what other processes do hardly changes it.</param>
/// <param name="Answers">The file with its m answers; null where they were checked here alone.</param>
internal sealed record EngineRow(string Name, int N, int M, double Seconds, double Least, double Processor, string? Answers)
{
    private const double WarmSeconds = 0.5;
    private const int LeastRuns = 5;
    private const int MostRuns = 41;
    private const double LeastSeconds = 3;
    private const int Checked = 60;

    /// <summary>Nanoseconds for each pair of a query and a key.</summary>
    public double NsPerPair => Seconds * 1e9 / N / M;

    /// <summary>
    /// The largest difference from the sum over all pairs that was looked at, in units of the answers' range; null where a script alone can
    /// judge them.
    /// </summary>
    public required double? Error { get; init; }

    /// <summary>The error bound that came with the answers; null for other systems.</summary>
    public double? ErrorBound { get; init; }

    /// <summary>The method that was used; null for other systems.</summary>
    public string? Method { get; init; }

    /// <summary>
    /// Measures jobs by turns, so that what else the machine does falls on all alike, checks their answers and writes these into the
    /// folder.
    /// </summary>
    public static EngineRow[] Measure(string folder, params EngineJob[] jobs)
    {
        double[][] answers = [.. jobs.Select(job =>
        {
            // Until the compiler has had its second thoughts on what a job runs.
            job.WarmUp();
            double[] answer = job.Run();
            for (var warm = Stopwatch.StartNew(); warm.Elapsed.TotalSeconds < WarmSeconds;)
            {
                answer = job.Run();
            }

            return answer;
        })];
        var seconds = jobs.Select(_ => new List<double>()).ToArray();
        var processor = jobs.Select(_ => new List<double>()).ToArray();
        var whole = Stopwatch.StartNew();
        for (int run = 0; run < LeastRuns || (run < MostRuns && whole.Elapsed.TotalSeconds < LeastSeconds); run++)
        {
            for (int i = 0; i < jobs.Length; i++)
            {
                TimeSpan used = Environment.CpuUsage.TotalTime;
                long started = Stopwatch.GetTimestamp();
                answers[i] = jobs[i].Run();
                seconds[i].Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                processor[i].Add((Environment.CpuUsage.TotalTime - used).TotalSeconds);
            }
        }

        return [.. jobs.Select((job, i) => Finish(folder, job, answers[i], seconds[i], processor[i]))];
    }

    private static EngineRow Finish(string folder, EngineJob job, double[] answers, List<double> seconds, List<double> processor)
    {
        seconds.Sort();
        processor.Sort();
        string? file = job.IsFromFolder ? $"{job.Name}.f64" : null;
        double? error = job.Exact is null ? null : Check(job, job.Exact, answers);
        answers = [.. InOrder(answers, job.Order), .. job.Further()];
        if (file is not null)
        {
            DataSet.WriteNumbers(Path.Combine(folder, file), answers);
        }

        return new EngineRow(job.Name, job.N, answers.Length, seconds[seconds.Count / 2], seconds[0], processor[processor.Count / 2], file)
        {
            Error = error,
            ErrorBound = job.Report()?.ErrorBound,
            Method = job.Report()?.Method.ToString(),
        };
    }

    private static double Check(EngineJob job, Func<int, double> exactly, double[] answers)
    {
        double range = answers.Max() - answers.Min();
        int count = Math.Min(Checked, answers.Length);
        double[] errors = new double[count];
        Parallel.For(0, count, i =>
        {
            int query = (int)((long)i * answers.Length / count);
            double exact = exactly(query);
            errors[i] = Math.Abs(answers[query] - exact) / range;
            if (!(errors[i] <= job.Tolerance))
            {
                throw new InvalidOperationException(
                    $"{job.Name}: expected {exact} at query {query}, as the sum over all pairs gives in float64, got {answers[query]}.");
            }
        });
        return errors.Max();
    }

    private static double[] InOrder(double[] answers, int[]? order)
    {
        if (order is null)
        {
            return answers;
        }

        double[] ordered = new double[answers.Length];
        for (int i = 0; i < answers.Length; i++)
        {
            ordered[order[i]] = answers[i];
        }

        return ordered;
    }
}
