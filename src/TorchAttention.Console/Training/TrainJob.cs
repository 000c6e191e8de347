using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Pooling;
using TorchAttention.Runs;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>The main job: average, nonparametric and parametric attention pooling on one data set, compared.</summary>
internal sealed partial class TrainJob
{
    private const string CheckpointsFolder = "checkpoints";

    private readonly TrainOptions _options;
    private readonly DataSource _source;
    private readonly RegressionData _data;
    private readonly RunDirectory _directory;
    private readonly Checkpoint? _from;
    private readonly Comparison _models;
    private readonly Trainer _trainer;
    private readonly ProgressBoard _board;
    private readonly MetricsLog _log;
    private readonly LiveTraining? _live;
    private readonly Stopwatch _clock = new();

    private TrainJob(
        TrainOptions options, DataSource source, RegressionData data, RunDirectory directory, Checkpoint? from, string digest, Owned owned,
        SlicesThere? slices)
    {
        (_options, _source, _data, _directory, _from) = (options, source, data, directory, from);
        _models = new Comparison(options, source, data, owned, directory.Interruption.Token);
        options.CheckGroups(_models.Learned);
        owned.Add(new ThreadsOfTheProcess());
        _trainer = new Trainer(options.ToTrainer(slices));
        set_num_threads(_trainer.ThreadsFor(_models.Learned, data));
        _models.MeasureUntrained();
        DateTime begun = RunFiles.Begun(directory.Path) ?? DateTime.UtcNow;
        directory.WriteJson(RunFiles.Config, json => RunConfig.Write(json, options, source, digest, begun));

        _board = new ProgressBoard { Display = !(options.NoPlots && options.Quiet) };
        _board.Watch(_trainer);
        double lossScale = _models.Units.Loss(1);
        _log = owned.Add(new MetricsLog(_trainer, directory.Path, _models.InUnits, from, lossScale) { Writing = directory.Write });
        _log.Failed += (_, e) => Console.Error.WriteLine($"warning: {e.Message}; training goes on");
        if (from is not null)
        {
            _log.Replay(_board, options.StepsInAnEpoch(data));
        }
        else
        {
            // Data and first parameters have generators of their own; dropout draws from torch's.
            ComputeDevice.Seed(options.Seed);
        }

        if (options.TensorBoard)
        {
            TensorBoardLog events = owned.Add(new TensorBoardLog(
                _trainer, _models.Learned, Path.Combine(directory.Path, "tensorboard"), _models.InUnits, lossScale));
            events.Failed += (_, e) => Console.Error.WriteLine($"warning: {e.Message}; training goes on");
        }

        if (options.Live is int port)
        {
            _live = owned.Add(new LiveTraining(port, _trainer, _models, data, source, _board, options.Model.Name));
            (options.Json ? Console.Error : Console.Out).WriteLine($"the training is shown at {_live.Url}");
        }

        owned.Add(WatchCheckpoints());
        directory.Interruption.AtOnce = () =>
        {
            _log.Save();
            directory.Dispose();
        };
    }

    public static int Run(TrainOptions options)
    {
        using var owned = new Owned();
        if (Open(options, owned) is TrainJob job)
        {
            job.Finish(job.Fit());
        }

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

    /// <summary>Reads the data and takes the folder; nothing where a finished run has nothing left to do.</summary>
    private static TrainJob? Open(TrainOptions options, Owned owned)
    {
        // Reading may wait on a pipe and has nothing to save: a Ctrl-C until here ends the process at once.
        DataSource source = DataSource.Open(options);
        SlicesThere? slices = options.Cluster is TrainingCluster cluster ? owned.Add(cluster.Connect()) : null;
        Interruption interruption = owned.Add(new Interruption());
        source.CheckMemory();
        RunDirectory directory = owned.Add(options.Resume is string begun
            ? RunDirectory.GoOn(begun, interruption)
            : RunDirectory.Create(options.Out, source.Name, plots: !options.NoPlots, interruption));
        interruption.AtOnce = directory.Dispose;
        owned.Add(new Preparation(options.LibTorch, plots: !options.NoPlots)).AwaitLibTorch();
        Device device = PickDevice(options.Device);
        if (options.Method == AttentionMethod.Engine && device.type != DeviceType.CPU)
        {
            throw CliException.WrongInput($"--method: engine computes on the cpu, and --device is {device}; use streaming or auto");
        }

        if (slices is not null && device.type != DeviceType.CPU)
        {
            throw CliException.WrongInput($"--device: expected cpu with {TrainingCluster.Name}, got {device}");
        }

        RegressionData data = owned.Add(source.ToTensors(device));
        CheckWarmup(options, data);
        if (slices is not null)
        {
            options.CheckSlices(data);
        }

        string digest = DataSource.Digest(data);
        options = options with { Device = device.ToString(), Bandwidth = options.Bandwidth ?? DataSource.Unit(data) };
        return Begin(options, directory, digest, out Checkpoint? from)
            ? new TrainJob(options, source, data, directory, from, digest, owned, slices)
            : null;
    }

    private FitResult Fit()
    {
        FitResult result = null!;
        CancellationToken cancellationToken = _directory.Interruption.Token;
        _clock.Start();
        try
        {
            new TrainView(_trainer, _board, _models.InUnits, _models.Units, _options)
                .Show(() => result = _trainer.Fit(_models.Learned, _data, _from, cancellationToken));
            return result;
        }
        catch (TrainingDivergedException e)
        {
            throw new CliException(
                ExitCode.Failed, $"{e.Message} Try a smaller {Steep()}. What was done until then is in {_directory.Path}", e);
        }
        catch (StorageException e)
        {
            throw CliException.WrongInput($"{TrainOptions.ResumeName}: {e.Message}", e);
        }
        catch (OperationCanceledException e)
        {
            throw Interrupted(e);
        }
        finally
        {
            _clock.Stop();
            _log.Save();
        }
    }

    /// <summary>Saves the model, compares it with the others, draws and reports.</summary>
    private void Finish(FitResult result)
    {
        RunSummary summary;
        try
        {
            var notes = new Dictionary<string, string> { ["data"] = _source.Name };
            _directory.Write(() => ModelFile.Save(_models.InUnits, Path.Combine(_directory.Path, RunFiles.Model), notes));
            _models.MeasureLearned();
            _live?.End();
            summary = new RunSummary
            {
                Data = _source.Name,
                Options = _options,
                Learned = _models.InUnits.LearnedNumbers(),
                Units = _models.Units,
                TrainSeconds = _clock.Elapsed.TotalSeconds,
                Result = result,
                ResumedFrom = _from?.Step,
                Estimators = _models.Estimators,
            };
            _directory.WriteJson(RunFiles.Summary, summary.WriteTo);
            if (!_options.NoPlots)
            {
                _models.Draw(_board, _log.Trace()).Save(_directory);
            }
        }
        catch (OperationCanceledException e)
        {
            throw Interrupted(e);
        }

        if (_options.Json)
        {
            JsonText.Print(summary.WriteTo);
        }
        else if (!_options.Quiet)
        {
            summary.Print(_directory);
        }
    }

    private CliException Interrupted(OperationCanceledException e)
    {
        var lost = e.InnerException as CliException;
        return new CliException(
            lost is null ? ExitCode.Interrupted : ExitCode.Failed,
            $"{(lost is null ? "" : $"{lost.Message}: ")}interrupted after step {_log.StepCount}; what was done until then is in "
                + $"{_directory.Path}, and train --resume {_directory.Path} goes on",
            e);
    }

    private static void CheckWarmup(TrainOptions options, RegressionData data)
    {
        long steps = (long)options.Epochs * options.StepsInAnEpoch(data);
        if (options.WarmupSteps is int warmup && warmup > 0 && warmup >= steps)
        {
            throw CliException.WrongInput($"--warmup: expected fewer than the {steps} steps of the run, got {warmup}");
        }
    }

    // Another training in this process begins as this one did.
    private sealed class ThreadsOfTheProcess : IDisposable
    {
        private readonly int _count = get_num_threads();

        public void Dispose() => set_num_threads(_count);
    }

    // A gradient grows with the square of the noise and with nothing else that is the user's to choose; a step is --lr times that.
    private string Steep() =>
        (_options.NoiseStd > DataSource.DefaultNoiseStd ? $"--noise-std than {_options.NoiseStd:G6}, or a smaller " : "")
            + $"--lr than {_options.Lr}";
}
