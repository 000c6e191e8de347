using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Plotting;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;
using Module = TorchAttention.Training.Module;

namespace TorchAttention.Cli.Training;

/// <summary>The main job: average, nonparametric and parametric attention pooling on one data set, compared.</summary>
internal static class TrainJob
{
    public const string CheckpointsFolder = "checkpoints";
    private const string SummaryFile = "summary.json";
    private const string ModelFile = "model.safetensors";

    // Below this many weights in a mini-batch a second thread costs more than it computes.
    private const long OneThreadIsEnough = 1 << 17;

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
        if (data.XTrain.shape[0] * options.BatchSize < OneThreadIsEnough)
        {
            set_num_threads(1);
        }

        CheckNoise(options, data);
        string digest = DigestOf(data);
        Checkpoint? from = null;
        if (options.Resume is not null)
        {
            if (RunConfig.Digest(options.Resume) is string then && then != digest)
            {
                throw CliException.WrongInput($"--resume: the data are not those that the run in '{options.Resume}' began with");
            }

            from = LastCheckpoint(directory);
            string summaryPath = Path.Combine(directory.Path, SummaryFile);
            if (File.Exists(summaryPath))
            {
                if (from is null || from.Epoch > options.Epochs)
                {
                    Say(options, $"the run in {directory.Path} is finished; give it more --epochs to go on");
                    return ExitCode.Done;
                }

                File.Delete(summaryPath);
            }

            Say(options, from is null
                ? $"{directory.Path} has no checkpoint yet: from the start"
                : string.Create(CultureInfo.InvariantCulture, $"{directory.Path}: going on after step {from.Step}"));
        }

        // Of several columns h is in deviations of each.
        double unit = data.XScales.Count == 1 ? data.XScale.Deviation : 1;
        double bandwidth = options.Bandwidth ?? unit;
        var units = Units.Of(data);
        using var average = new AveragePooling(data.YTrain);
        using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain, bandwidth / unit) { Method = options.Method };
        using Module learned = LearnedModel.Create(options, data);
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

        directory.WriteJson(RunConfig.FileName, json => RunConfig.Write(json, options, source, device, bandwidth, digest));

        var trainer = new Trainer(options.ToTrainer());
        var board = new ProgressBoard { Display = !(options.NoPlots && options.Quiet) };
        board.Watch(trainer);
        var numbers = new LearnedNumbers(learned, data);
        using var log = new TrainingLog(trainer, numbers, units, directory, from);
        if (from is not null)
        {
            log.Replay(board, data.TrainDataloader().Count);
        }

        if (options.TensorBoard)
        {
            _ = new TensorBoardLog(trainer, learned, numbers, units, Path.Combine(directory.Path, "tensorboard"));
        }

        using var checkpoints = new Checkpoints(Path.Combine(directory.Path, CheckpointsFolder), options.ToCheckpoints());
        checkpoints.Captured += (_, _) => log.TrySave();
        checkpoints.Writing += (_, _) => log.Sync();
        checkpoints.Failed += (_, e) => Console.Error.WriteLine($"warning: no checkpoint: {e.Message}; training goes on, the one before stays");
        checkpoints.Watch(trainer);
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
            directory.Write(() => Models.ModelFile.Save(learned, Path.Combine(directory.Path, ModelFile), Notes(source, data)));
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

    private static Checkpoint? LastCheckpoint(RunDirectory directory)
    {
        string folder = Path.Combine(directory.Path, CheckpointsFolder);
        Checkpoint? last = Checkpoints.Latest(folder, out IReadOnlyList<StorageException> passedOver);
        foreach (StorageException e in passedOver)
        {
            Console.Error.WriteLine($"warning: {e.Message}");
        }

        return last is null && passedOver.Count > 0
            ? throw CliException.WrongInput($"--resume: none of the {passedOver.Count} checkpoints in '{folder}' can be read; begin anew with train")
            : last;
    }

    private static void Say(TrainOptions options, string line)
    {
        if (!options.Quiet && !options.Json)
        {
            Console.WriteLine(line);
        }
    }

    private static string DigestOf(RegressionData data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor part in (Tensor[])[data.XTrain, data.YTrain, data.XVal, data.YVal])
        {
            using Tensor here = part.cpu();
            hash.AppendData(here.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static CliException Interrupted(OperationCanceledException e, TrainingLog log, RunDirectory directory) =>
        new(ExitCode.Interrupted, $"interrupted after step {log.StepCount}; what was done until then is in {directory.Path}, and train --resume {directory.Path} goes on", e);

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

    // The model is in standard deviations; these lead back to the columns.
    private static Dictionary<string, string> Notes(DataSource source, RegressionData data) => new()
    {
        ["data"] = source.Name,
        ["x"] = string.Join(',', source.XLabels),
        ["y"] = source.YLabel,
        ["x_mean"] = string.Join(',', data.XScales.Select(scale => scale.Mean.ToString("R", CultureInfo.InvariantCulture))),
        ["x_deviation"] = string.Join(',', data.XScales.Select(scale => scale.Deviation.ToString("R", CultureInfo.InvariantCulture))),
        ["y_mean"] = data.YScale.Mean.ToString("R", CultureInfo.InvariantCulture),
        ["y_deviation"] = data.YScale.Deviation.ToString("R", CultureInfo.InvariantCulture),
    };

    private static RunPictures Draw(
        DataSource source, RegressionData data, ProgressBoard board, Estimator[] estimators,
        NonparametricAttentionPooling nonparametric, Module learned, LearnedNumbers numbers, IReadOnlyList<(double Epoch, double[] Values)> trace)
    {
        var pictures = new RunPictures(source, data);
        foreach (Estimator estimator in estimators)
        {
            pictures.AddPredictions(estimator.Name, estimator);
        }

        pictures.AddAttention("nonparametric-attention", estimators[1], nonparametric);
        pictures.AddAttention($"{estimators[2].Name}-attention", estimators[2], (IAttentionModel)learned);
        pictures.AddLoss("loss", board);
        if (numbers.Names.Count > 1)
        {
            pictures.AddNumbers("w", numbers, trace);
        }

        if (learned is RegionalKernelRegression regional)
        {
            pictures.AddWidths("widths", regional);
        }

        return pictures;
    }

    private static void Report(RunSummary summary, RunDirectory directory, TrainOptions options)
    {
        if (options.Json)
        {
            Console.WriteLine(RunDirectory.Json(summary.WriteTo));
        }
        else if (!options.Quiet)
        {
            summary.Print(directory, plots: !options.NoPlots);
            if (!options.NoPlots && PlotFont.Family is null)
            {
                Console.WriteLine($"fonts: {PlotFont.NoneInstalled}");
            }
        }
    }
}
