using System.Diagnostics;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Runs;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// What each thing that a training can have adds to a step of the chapter: processor time of the whole process, by turns, medians of the
/// differences from a training without any.
/// </summary>
internal static class StepParts
{
    private const int Epochs = 10_000;
    private const int StepsInAnEpoch = 5;

    private static readonly (string Name, bool[] Has)[] _variants =
    [
        ("plain", [false, false, false, false, false, false]),
        ("clip", [true, false, false, false, false, false]),
        ("schedule", [false, true, false, false, false, false]),
        ("early stopping", [false, false, true, false, false, false]),
        ("metrics", [false, false, false, true, false, false]),
        ("board", [false, false, false, false, true, false]),
        ("checkpoint a second", [false, false, false, false, false, true]),
        ("everything", [true, true, true, true, true, true]),
    ];

    public static void Print(int turns)
    {
        string folder = Directory.CreateTempSubdirectory("parts-").FullName;
        using var data = new NonlinearData();
        double[][] times = [.. _variants.Select(_ => new double[turns])];
        foreach ((_, bool[] has) in _variants)
        {
            StepTime(data, has, folder, Epochs / 10);
        }

        for (int turn = 0; turn < turns; turn++)
        {
            foreach ((int i, (_, bool[] has)) in _variants.Index())
            {
                times[i][turn] = StepTime(data, has, folder, Epochs);
            }
        }

        foreach ((int i, (string name, _)) in _variants.Index())
        {
            double more = Median(times[i].Zip(times[0], (time, plain) => time - plain));
            Console.WriteLine($"{name,-20} {Median(times[i]),6:F1} us  {more,6:F1} us more");
        }

        Directory.Delete(folder, recursive: true);
    }

    private static double StepTime(NonlinearData data, bool[] has, string folder, int epochs)
    {
        var model = new NWKernelRegression(data.XTrain, data.YTrain);
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = epochs,
            GradientClipVal = has[0] ? 10 : 0,
            Schedule = has[1] ? new CosineSchedule() : null,
            EarlyStopping = has[2] ? new EarlyStopping { Patience = 1_000_000 } : null,
        });
        using var inUnits = new ModelInUnits(model, ModelUnits.From(data, ["x"], "y"));
        string own = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        using MetricsLog? log = has[3] ? new MetricsLog(trainer, own, inUnits) : null;
        if (has[4])
        {
            new ProgressBoard().Watch(trainer);
        }

        using Checkpoints? checkpoints = has[5] ? new Checkpoints(own, new CheckpointOptions { EverySeconds = 1 }) : null;
        checkpoints?.Watch(trainer);
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        trainer.Fit(model, data);
        return (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMicroseconds / (epochs * StepsInAnEpoch);
    }

    private static double Median(IEnumerable<double> numbers)
    {
        double[] sorted = [.. numbers.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
