using System.Diagnostics;
using TorchAttention.Models;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Runs;

/// <summary>
/// A training for TensorBoard: losses, the trainer's metrics, learned numbers, learning rate and the gradients' norm as scalars, parameters
/// of several numbers as histograms.
/// </summary>
public sealed class TensorBoardLog : IDisposable
{
    // More points than that nobody sees.
    private const double SecondsBetweenSteps = 0.2;
    private const int LeastOfAHistogram = 2;

    private readonly EventFile _file;
    private readonly Module _model;
    private readonly ILearnedNumbers? _numbers;
    private readonly double _lossScale;
    private bool _isWarned;
    private bool _isClosed;
    private long _lastTime;
    private int _step;

    /// <summary>Begins a file of events and writes to it whenever the trainer tells of a step or an epoch.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="model">The model that it trains.</param>
    /// <param name="folder">The folder; made where it does not exist.</param>
    /// <param name="numbers">Where the learned numbers are from; the model where null.</param>
    /// <param name="lossScale">What losses are multiplied by.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public TensorBoardLog(Trainer trainer, Module model, string folder, ILearnedNumbers? numbers = null, double lossScale = 1)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        _model = model;
        _numbers = numbers ?? model as ILearnedNumbers;
        _lossScale = lossScale;
        _file = new EventFile(folder);
        trainer.StepCompleted += (_, e) => AddStep(e);
        trainer.EpochCompleted += (_, e) => AddEpoch(e);
    }

    /// <summary>An event could not be written, and is left out; once for each trouble that lasts.</summary>
    public event EventHandler<IOException>? Failed;

    /// <summary>Closes the file; what the trainer tells later is not written.</summary>
    public void Dispose()
    {
        _isClosed = true;
        _file.Dispose();
    }

    private void AddStep(StepCompleted e)
    {
        _step = e.Step;
        if (_lastTime != 0 && Stopwatch.GetElapsedTime(_lastTime).TotalSeconds < SecondsBetweenSteps)
        {
            return;
        }

        _lastTime = Stopwatch.GetTimestamp();
        Add("loss/train_step", _lossScale * e.Loss);
        Add("lr", e.LearningRate);
        Add("grad_norm", e.GradientNorm);
    }

    private void AddEpoch(EpochCompleted e)
    {
        Add("loss/train", _lossScale * e.TrainLoss);
        Add("loss/val", _lossScale * e.ValLoss);
        foreach ((string name, double value) in e.Metrics)
        {
            Add($"{name}/val", value);
        }

        foreach ((string name, double value) in _numbers?.LearnedNumbers() ?? [])
        {
            Add(name, value);
        }

        foreach ((string name, Parameter parameter) in _model.named_parameters().Where(pair => pair.parameter.numel() >= LeastOfAHistogram))
        {
            using Tensor numbers = parameter.detach().cpu();
            Write(() => _file.Add(name, _step, numbers.ToDoubles()));
        }
    }

    private void Add(string name, double value) => Write(() => _file.Add(name, _step, value));

    private void Write(Action write)
    {
        if (_isClosed)
        {
            return;
        }

        try
        {
            write();
            _isWarned = false;
        }
        catch (IOException e)
        {
            if (!_isWarned)
            {
                Failed?.Invoke(this, e);
            }

            _isWarned = true;
        }
    }
}
