using System.Diagnostics;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>The main job: average, nonparametric and parametric attention pooling on one data set, compared.</summary>
internal static class TrainJob
{
    // Below this many weights in a mini-batch a second thread costs more than it computes.
    private const long OneThreadIsEnough = 1 << 17;

    public static int Run(TrainOptions options)
    {
        // Reading may wait on a pipe and has nothing to save: a Ctrl-C until here ends the process at once.
        DataSource source = DataSource.Open(options);
        using var interruption = new Interruption();
        source.CheckMemory();
        using RunDirectory directory = RunDirectory.Create(options.Out, source.Name, plots: !options.NoPlots, interruption);
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
        double bandwidth = options.Bandwidth ?? data.XScale.Deviation;
        var units = Units.Of(data);
        using var average = new AveragePooling(data.YTrain);
        using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain, bandwidth / data.XScale.Deviation) { Method = options.Method };
        using var parametric = new NWKernelRegression(data.XTrain, data.YTrain, options.Lr, options.LeaveOneOut) { Method = options.Method };
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

        directory.WriteJson("config.json", json => RunConfig.Write(json, options, source, device, bandwidth));

        var trainer = new Trainer(new TrainerOptions { MaxEpochs = options.Epochs });
        var board = new ProgressBoard { Display = !(options.NoPlots && options.Quiet) };
        board.Watch(trainer);
        var log = new TrainingLog(trainer, parametric, units);
        interruption.AtOnce = () =>
        {
            log.Save(directory);
            directory.Dispose();
        };
        var clock = Stopwatch.StartNew();
        try
        {
            new TrainView(trainer, board, parametric, units, options).Show(() => trainer.Fit(parametric, data, interruption.Token));
        }
        catch (TrainingDivergedException e)
        {
            throw new CliException(ExitCode.Failed, $"{e.Message} Try a smaller {Steep(options)}. What was done until then is in {directory.Path}", e);
        }
        catch (OperationCanceledException e)
        {
            throw Interrupted(e, log, directory);
        }
        finally
        {
            clock.Stop();
            log.Save(directory);
        }

        RunSummary summary;
        try
        {
            Estimator[] estimators = [.. untrained, new("parametric", parametric, data, interruption.Token, fillsMatrix)];
            summary = new RunSummary
            {
                Data = source.Name,
                W = units.W(parametric.W.ToDouble()),
                Seed = options.Seed,
                Device = device.ToString(),
                Units = units,
                NonparametricBandwidth = bandwidth,
                TrainSeconds = clock.Elapsed.TotalSeconds,
                Steps = log.StepCount,
                Estimators = estimators,
            };
            directory.WriteJson("summary.json", summary.WriteTo);
            if (!options.NoPlots)
            {
                Draw(source, data, board, estimators, nonparametric, parametric).Save(directory, interruption.Token);
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
        new(ExitCode.Interrupted, $"interrupted after step {log.StepCount}; what was done until then is in {directory.Path}", e);

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

    private static RunPictures Draw(
        DataSource source, RegressionData data, ProgressBoard board, Estimator[] estimators,
        NonparametricAttentionPooling nonparametric, NWKernelRegression parametric)
    {
        var pictures = new RunPictures(source, data);
        foreach (Estimator estimator in estimators)
        {
            pictures.AddCurve(estimator.Name, estimator);
        }

        pictures.AddAttention("nonparametric-attention", estimators[1], () => nonparametric.AttentionWeights);
        pictures.AddAttention("parametric-attention", estimators[2], () => parametric.AttentionWeights);
        pictures.AddLoss("loss", board);
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
