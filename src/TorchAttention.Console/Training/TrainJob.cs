using System.Diagnostics;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;
using Module = TorchAttention.Training.Module;

namespace TorchAttention.Cli.Training;

/// <summary>The main job: average, nonparametric and parametric attention pooling on one data set, compared.</summary>
internal static partial class TrainJob
{
    public const string CheckpointsFolder = "checkpoints";
    private const string SummaryFile = "summary.json";
    private const string ModelFile = "model.safetensors";

    public static int Run(TrainOptions options)
    {
        // Reading may wait on a pipe and has nothing to save: a Ctrl-C until here ends the process at once.
        DataSource source = DataSource.Open(options);
        using var interruption = new Interruption();
        source.CheckMemory();
        using RunDirectory directory = options.Resume is string begun
            ? RunDirectory.GoOn(begun, interruption)
            : RunDirectory.Create(options.Out, source.Name, plots: !options.NoPlots, interruption);
        interruption.AtOnce = directory.Dispose;
        using var preparation = new Preparation(options.LibTorch, plots: !options.NoPlots);
        preparation.AwaitLibTorch();
        Device device = PickDevice(options.Device);
        if (options.Method == AttentionMethod.Engine && device.type != DeviceType.CPU)
        {
            throw CliException.WrongInput($"--method: engine computes on the cpu, and --device is {device}; use streaming or auto");
        }

        using RegressionData data = source.ToTensors(device);
        CheckNoise(options, data);
        CheckWarmup(options, data);
        string digest = DigestOf(data);
        if (!Begin(options, directory, digest, out Checkpoint? from))
        {
            return ExitCode.Done;
        }

        // Of several columns h is in deviations of each.
        double unit = data.XScales.Count == 1 ? data.XScale.Deviation : 1;
        double bandwidth = options.Bandwidth ?? unit;
        var units = Units.Of(data);
        using var average = new AveragePooling(data.YTrain);
        using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain, bandwidth / unit) { Method = options.Method };
        using Module learned = LearnedModel.Create(options, data);
        using var inUnits = new ModelInUnits(learned, ModelUnits.Of(data, source.XLabels, source.YLabel));
        var trainer = new Trainer(options.ToTrainer());
        set_num_threads(trainer.ThreadsFor(learned, data));
        bool fillsMatrix = options.Method == AttentionMethod.Textbook;
        Estimator[] untrained =
        [
            new("average", average, data, interruption.Token, fillsMatrix),
            new("nonparametric", nonparametric, data, interruption.Token, fillsMatrix),
        ];
        if (!double.IsFinite(untrained[1].ValLoss))
        {
            throw CliException.WrongInput($"--bandwidth: {bandwidth} is too small for the distances between these inputs; their squares do not fit float32");
        }

        DateTime time = RunConfig.Begun(directory.Path) ?? DateTime.UtcNow;
        directory.WriteJson(RunConfig.FileName, json => RunConfig.Write(json, options, source, device, bandwidth, digest, time));

        var board = new ProgressBoard { Display = !(options.NoPlots && options.Quiet) };
        board.Watch(trainer);
        var numbers = new LearnedNumbers(inUnits);
        using var log = new TrainingLog(trainer, numbers, units, directory, from);
        if (from is not null)
        {
            log.Replay(board, data.TrainDataloader().Count);
        }
        else
        {
            SeedDropout(options.Seed);
        }

        if (options.TensorBoard)
        {
            _ = new TensorBoardLog(trainer, learned, numbers, units, Path.Combine(directory.Path, "tensorboard"));
        }

        using Checkpoints checkpoints = Watch(trainer, options, directory, log);
        interruption.AtOnce = () =>
        {
            log.Save();
            directory.Dispose();
        };
        var clock = Stopwatch.StartNew();
        FitResult result = null!;
        try
        {
            new TrainView(trainer, board, numbers, units, options).Show(() => result = trainer.Fit(learned, data, from, interruption.Token));
        }
        catch (TrainingDivergedException e)
        {
            throw new CliException(ExitCode.Failed, $"{e.Message} Try a smaller {Steep(options)}. What was done until then is in {directory.Path}", e);
        }
        catch (StorageException e)
        {
            throw CliException.WrongInput($"--resume: {e.Message}", e);
        }
        catch (OperationCanceledException e)
        {
            throw Interrupted(e, log, directory);
        }
        finally
        {
            clock.Stop();
            log.Save();
        }

        RunSummary summary;
        try
        {
            learned.eval();
            var notes = new Dictionary<string, string> { ["data"] = source.Name };
            directory.Write(() => Models.ModelFile.Save(inUnits, Path.Combine(directory.Path, ModelFile), notes));
            bool fillsOwn = fillsMatrix || LearnedModel.MatricesInAStep(options) > 0;
            Estimator[] estimators = [.. untrained, new(LearnedModel.EstimatorName(options.Model), learned, data, interruption.Token, fillsOwn)];
            summary = new RunSummary
            {
                Data = source.Name,
                Model = options.Model,
                Learned = [.. numbers.Names.Zip(numbers.Values())],
                Seed = options.Seed,
                Device = device.ToString(),
                Units = units,
                NonparametricBandwidth = bandwidth,
                TrainSeconds = clock.Elapsed.TotalSeconds,
                Result = result,
                ResumedFrom = from?.Step,
                Estimators = estimators,
            };
            directory.WriteJson(SummaryFile, summary.WriteTo);
            if (!options.NoPlots)
            {
                Draw(source, data, board, estimators, nonparametric, learned, numbers, log.Trace()).Save(directory, interruption.Token);
            }
        }
        catch (OperationCanceledException e)
        {
            throw Interrupted(e, log, directory);
        }

        Report(summary, directory, options);
        return ExitCode.Done;
    }

    public static Device PickDevice(string name)
    {
        try
        {
            return ComputeDevice.Parse(name);
        }
        catch (ArgumentException e)
        {
            throw CliException.WrongInput($"--device: {e.Message}", e);
        }
    }

    private static CliException Interrupted(OperationCanceledException e, TrainingLog log, RunDirectory directory) =>
        new(ExitCode.Interrupted, $"interrupted after step {log.StepCount}; what was done until then is in {directory.Path}, and train --resume {directory.Path} goes on", e);

    // Data and first parameters have generators of their own; dropout draws from torch's.
    private static void CheckWarmup(TrainOptions options, RegressionData data)
    {
        long steps = (long)options.Epochs * data.TrainDataloader().Count;
        if (options.WarmupSteps is int warmup && warmup > 0 && warmup >= steps)
        {
            throw CliException.WrongInput($"--warmup: expected fewer than the {steps} steps of the run, got {warmup}");
        }
    }

    private static void SeedDropout(ulong seed)
    {
        manual_seed(unchecked((long)seed)).Dispose();
        if (ComputeDevice.CudaCount() > 0)
        {
            cuda.manual_seed_all(unchecked((long)seed));
        }
    }

    private static void CheckNoise(TrainOptions options, RegressionData data)
    {
        double largest = data.YTrain.abs().max().ToDouble();
        if (!float.IsFinite((float)(largest * largest * data.YTrain.shape[0])))
        {
            throw CliException.WrongInput($"--noise-std: {options.NoiseStd} is too large; the sum of the targets' squares does not fit float32");
        }
    }

    // A gradient grows with the square of the noise and with nothing else that is the user's to choose; a step is --lr times that.
    private static string Steep(TrainOptions options) =>
        (options.NoiseStd > DataSource.DefaultNoiseStd ? $"--noise-std than {options.NoiseStd:G6}, or a smaller " : "") + $"--lr than {options.Lr}";
}
