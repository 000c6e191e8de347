using System.Diagnostics;
using TorchAttention.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace TorchAttention.Cli.Training;

/// <summary>
/// A training for TensorBoard: losses, learned numbers, learning rate and the gradients' norm as scalars, parameters of several numbers as
/// histograms.
/// </summary>
internal sealed class TensorBoardLog
{
    // The file is opened and closed for every number, which takes longer than a step of the chapter.
    private const double SecondsBetweenSteps = 0.2;
    private const int LeastOfAHistogram = 2;

    private readonly SummaryWriter _writer;
    private readonly TorchAttention.Training.Module _model;
    private readonly LearnedNumbers _numbers;
    private readonly Units _units;
    private long _lastTime;
    private int _step;

    public TensorBoardLog(Trainer trainer, TorchAttention.Training.Module model, LearnedNumbers numbers, Units units, string folder)
    {
        _model = model;
        _numbers = numbers;
        _units = units;
        _writer = torch.utils.tensorboard.SummaryWriter(folder);
        foreach (string file in Directory.EnumerateFiles(folder, "*.tfevents.*"))
        {
            EventFile.SetStart(file, Now);
        }

        trainer.StepCompleted += (_, e) => AddStep(e);
        trainer.EpochCompleted += (_, e) => AddEpoch(e);
    }

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private void AddStep(StepCompleted e)
    {
        _step = e.Step;
        if (_lastTime != 0 && Stopwatch.GetElapsedTime(_lastTime).TotalSeconds < SecondsBetweenSteps)
        {
            return;
        }

        _lastTime = Stopwatch.GetTimestamp();
        Add("loss/train_step", _units.Loss(e.Loss));
        Add("lr", e.LearningRate);
        Add("grad_norm", e.GradientNorm);
    }

    private void AddEpoch(EpochCompleted e)
    {
        Add("loss/train", _units.Loss(e.TrainLoss));
        Add("loss/val", _units.Loss(e.ValLoss));
        foreach ((string name, double value) in _numbers.Names.Zip(_numbers.Values()))
        {
            Add(name, value);
        }

        foreach ((string name, Parameter parameter) in _model.named_parameters().Where(pair => pair.parameter.numel() >= LeastOfAHistogram))
        {
            using torch.Tensor numbers = parameter.detach().cpu();
            _writer.add_histogram(name, numbers, _step, walltime: Now);
        }
    }

    private void Add(string name, double value) => _writer.add_scalar(name, (float)value, _step, Now);
}
