using System.Diagnostics;
using System.Text.Json;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// This side of peers/training.py: what a training of many keys costs, and what its checkpoints cost; prints one line of JSON.
/// </summary>
internal static class TrainingRun
{
    private const int Keys = 100_000;
    private const int Batch = 1024;
    private const int Epochs = 3;
    private const int Pairs = 20;
    private const double SecondsOfARun = 3.05;

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

    // The data of peers/training.py: an even grid and its truth need no random numbers to be the same there. One row in a hundred thousand
    // is held out.
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

    // Steps of a few seconds with a checkpoint every second, and without, by turns: what else the machine does changes slowly, and falls on
    // both of a pair. The quartiles of the pairs' ratios, by the clock and by the processor time of all threads; then what a checkpoint
    // takes by itself.
    private static Dictionary<string, object> CheckpointCost(Func<DataModule> create, string folder)
    {
        var clock = new List<double>();
        var processor = new List<double>();
        using DataModule data = create();
        var regression = (RegressionData)data;
        using var model = new NWKernelRegression(regression.XTrain, regression.YTrain, lr: 1e-3);
        StepSeconds(model, data, null);
        for (int i = 0; i < Pairs; i++)
        {
            (double Clock, double Processor)[] pair = [.. new[] { i % 2 == 0, i % 2 != 0 }.Select(isSaved => Run(isSaved))];
            (int with, int without) = i % 2 == 0 ? (0, 1) : (1, 0);
            clock.Add(pair[with].Clock / pair[without].Clock);
            processor.Add(pair[with].Processor / pair[without].Processor);
        }

        (double wait, double write) = OneCheckpoint(model, data, folder);
        return new(
            )
        { ["clock"] = Quartiles(clock), ["processor"] = Quartiles(processor), ["wait_seconds"] = wait, ["write_seconds"] = write };

        (double Clock, double Processor) Run(bool isSaved)
        {
            using Checkpoints? checkpoints = isSaved ? new Checkpoints(folder, new CheckpointOptions { EverySeconds = 1 }) : null;
            return StepSeconds(model, data, checkpoints);
        }
    }

    private static double[] Quartiles(List<double> ratios)
    {
        ratios.Sort();
        return [ratios[ratios.Count / 4], (ratios[(ratios.Count - 1) / 2] + ratios[ratios.Count / 2]) / 2, ratios[3 * ratios.Count / 4]];
    }

    // How long a step waits for its copy, and how long the writing takes, which goes on beside the steps: medians.
    private static (double Wait, double Write) OneCheckpoint(NWKernelRegression model, DataModule data, string folder)
    {
        var waits = new List<double>();
        var writes = new List<double>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = int.MaxValue });
        using var stop = new CancellationTokenSource();
        trainer.StepCompleted += (_, _) =>
        {
            long started = Stopwatch.GetTimestamp();
            Checkpoint checkpoint = trainer.Capture();
            waits.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            started = Stopwatch.GetTimestamp();
            checkpoint.Write(Path.Combine(folder, "one.safetensors"));
            writes.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            if (writes.Count == 2 * Pairs)
            {
                stop.Cancel();
            }
        };
        try
        {
            trainer.Fit(model, data, stop.Token);
        }
        catch (OperationCanceledException)
        {
            return (Quartiles(waits)[1], Quartiles(writes)[1]);
        }

        throw new InvalidOperationException("Expected a training that is stopped.");
    }

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
