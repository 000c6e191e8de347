using System.Diagnostics;
using System.Text.Json;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Benchmarks.Training;

/// <summary>This side of peers/training.py: what a training of many keys costs, and what its checkpoints cost; prints one line of JSON.</summary>
internal static class TrainingRun
{
    private const int Keys = 100_000;
    private const int Batch = 1024;
    private const int Epochs = 3;
    private const int Pairs = 7;
    private const double SecondsOfARun = 8;

    public static void Print()
    {
        string folder = Directory.CreateTempSubdirectory("training-").FullName;
        try
        {
            (double epoch, double w, double peak) = Epoch();
            Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
            {
                ["epoch_seconds"] = epoch,
                ["epoch_w"] = w,
                ["epoch_memory_mb"] = peak,
                ["checkpoints_chapter"] = CheckpointCost(() => new NonlinearData(), folder),
                ["checkpoints_many_keys"] = CheckpointCost(ManyKeys, folder),
                ["dotnet"] = Environment.Version.ToString(),
                ["libtorch"] = __version__,
            }));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The data of peers/training.py: an even grid and its truth need no random numbers to be the same there. One row in a hundred thousand is held out.
    private static TabularData ManyKeys()
    {
        double[] x = [.. Enumerable.Range(0, Keys + 1).Select(i => 5.0 * i / Keys)];
        double[] y = [.. x.Select(q => (2 * Math.Sin(q)) + Math.Pow(q, 0.8))];
        return new TabularData(x, y, Batch, 1.0 / Keys);
    }

    private static (double Seconds, double W, double PeakMegabytes) Epoch()
    {
        using TabularData data = ManyKeys();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        long before = Process.GetCurrentProcess().WorkingSet64;
        var times = new List<double>();
        long started = Stopwatch.GetTimestamp();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = Epochs });
        trainer.EpochCompleted += (_, _) =>
        {
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            started = Stopwatch.GetTimestamp();
        };
        trainer.Fit(model, data);
        times.Sort();
        return (times[times.Count / 2], model.W.ToDouble(), (Process.GetCurrentProcess().PeakWorkingSet64 - before) / 1e6);
    }

    // Steps of a few seconds with a checkpoint every second, and without, by turns: the medians' ratio, by the clock and by the processor time of all threads.
    private static double[] CheckpointCost(Func<DataModule> create, string folder)
    {
        var with = new List<(double Clock, double Processor)>();
        var without = new List<(double Clock, double Processor)>();
        using DataModule data = create();
        var regression = (RegressionData)data;
        using var model = new NWKernelRegression(regression.XTrain, regression.YTrain, lr: 1e-3);
        StepSeconds(model, data, null);
        for (int i = 0; i < Pairs; i++)
        {
            without.Add(StepSeconds(model, data, null));
            using var checkpoints = new Checkpoints(folder, new CheckpointOptions { EverySeconds = 1 });
            with.Add(StepSeconds(model, data, checkpoints));
        }

        return [Median(with, run => run.Clock) / Median(without, run => run.Clock), Median(with, run => run.Processor) / Median(without, run => run.Processor)];
    }

    private static double Median(List<(double Clock, double Processor)> runs, Func<(double Clock, double Processor), double> of) => runs.Select(of).Order().ElementAt(Pairs / 2);

    private static (double Clock, double Processor) StepSeconds(NWKernelRegression model, DataModule data, Checkpoints? checkpoints)
    {
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = int.MaxValue });
        using var stop = new CancellationTokenSource();
        int steps = 0;
        long started = Stopwatch.GetTimestamp();
        double seconds = 0;
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        TimeSpan spent = default;
        checkpoints?.Watch(trainer);
        trainer.StepCompleted += (_, e) =>
        {
            seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (seconds > SecondsOfARun)
            {
                steps = e.Step;
                spent = Process.GetCurrentProcess().TotalProcessorTime - before;
                stop.Cancel();
            }
        };
        try
        {
            trainer.Fit(model, data, stop.Token);
        }
        catch (OperationCanceledException)
        {
            return (seconds / steps, spent.TotalSeconds / steps);
        }

        throw new InvalidOperationException("Expected a training that is stopped.");
    }
}
