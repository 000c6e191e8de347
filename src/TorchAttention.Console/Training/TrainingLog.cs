using System.Diagnostics;
using TorchAttention.Cli.Runs;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>Every step and epoch of a training, in the data's own units, as the rows of two CSV files that grow while it goes on.</summary>
internal sealed class TrainingLog : IDisposable
{
    private const double SecondsBetweenFlushes = 1;

    // A second signal saves from a thread of its own, while a step may be adding its line.
    private readonly Lock _lock = new();
    private readonly RunDirectory _directory;
    private readonly LearnedNumbers _numbers;
    private readonly Units _units;
    private readonly GrowingFile _steps;
    private readonly GrowingFile _epochs;
    private long _flushed = Stopwatch.GetTimestamp();
    private bool _isWarned;
    private bool _isClosed;

    /// <summary>Begins the files, or goes on with those of a training that goes on.</summary>
    public TrainingLog(Trainer trainer, LearnedNumbers numbers, Units units, RunDirectory directory, Checkpoint? from)
    {
        _directory = directory;
        _numbers = numbers;
        _units = units;
        string columns = string.Concat(numbers.Names.Select(name => "," + name));
        int steps = from?.Step ?? 0;
        int epochs = (from?.Epoch ?? 1) - 1;
        _steps = new GrowingFile(
            Path.Combine(directory.Path, RunFiles.Steps),
            $"step,epoch,train_loss{columns},lr,grad_norm",
            line => First(RunFiles.Steps, line) <= steps);
        _epochs = new GrowingFile(
            Path.Combine(directory.Path, RunFiles.Epochs),
            $"epoch,train_loss,val_loss{columns}",
            line => First(RunFiles.Epochs, line) <= epochs);
        StepCount = steps;
        trainer.StepCompleted += (_, e) => AddStep(e);
        trainer.StepSkipped += (_, e) => StepCount = e.Step;
        trainer.EpochCompleted += (_, e) => AddEpoch(e);
    }

    /// <summary>Steps of the whole training until now.</summary>
    public int StepCount { get; private set; }

    /// <summary>Gives a board the points that it would have had if the training had never stopped.</summary>
    public void Replay(ProgressBoard board, int batchCount, int trainPointsPerEpoch = 2)
    {
        foreach (string[] row in _steps.Read().Select(line => Fields(RunFiles.Steps, line)))
        {
            double x = (Number(row[0]) - 1) / batchCount;
            board.Draw(x, Number(row[2]) / _units.Loss(1), "train_loss", Math.Max(1, batchCount / trainPointsPerEpoch));
        }

        foreach (string[] row in _epochs.Read().Select(line => Fields(RunFiles.Epochs, line)))
        {
            board.Draw(Number(row[0]), Number(row[2]) / _units.Loss(1), "val_loss");
        }
    }

    /// <summary>The learned numbers after every epoch.</summary>
    public IReadOnlyList<(double Epoch, double[] Values)> Trace()
    {
        if (_numbers.Names.Count == 0)
        {
            return [];
        }

        Save();
        return [.. _epochs.Read().Select(line => line.Split(',')).Select(row => (Number(row[0]), Array.ConvertAll(row[3..], Number)))];
    }

    /// <summary>Writes what waits.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public void Save() => _directory.Write(() =>
    {
        lock (_lock)
        {
            if (!_isClosed)
            {
                _steps.Flush();
                _epochs.Flush();
                _flushed = Stopwatch.GetTimestamp();
            }
        }
    });

    /// <summary>Waits until what was written is on the disk; on any thread.</summary>
    public void Sync()
    {
        _steps.Sync();
        _epochs.Sync();
    }

    /// <summary>
    /// Writes what waits; where that fails, says so once and tries again later: a disk that is full for a while ends no training.
    /// </summary>
    public void TrySave()
    {
        try
        {
            Save();
        }
        catch (IOException e)
        {
            _flushed = Stopwatch.GetTimestamp();
            if (!_isWarned)
            {
                Console.Error.WriteLine($"warning: {e.Message}; training goes on");
                _isWarned = true;
            }
        }
    }

    // A second signal may come once the run has ended and closed its files, before the process does.
    public void Dispose()
    {
        lock (_lock)
        {
            _isClosed = true;
            _steps.Dispose();
            _epochs.Dispose();
        }
    }

    private void AddStep(StepCompleted e)
    {
        lock (_lock)
        {
            StepCount = e.Step;
            _steps.Add($"{e.Step},{e.Epoch},{Units.Text(_units.Loss(e.Loss))}{Numbers()},{e.LearningRate:R},{Units.Text(e.GradientNorm)}");
        }

        if (Stopwatch.GetElapsedTime(_flushed).TotalSeconds > SecondsBetweenFlushes)
        {
            TrySave();
        }
    }

    private void AddEpoch(EpochCompleted e)
    {
        lock (_lock)
        {
            _epochs.Add(
                $"{e.Epoch},{_units.Loss(e.TrainLoss):R},{_units.Loss(e.ValLoss):R}{Numbers()}");
        }
    }

    private string Numbers() => string.Concat(_numbers.Values().Select(value => "," + Units.Text(value)));

    private int First(string file, string line) =>
        int.TryParse(line.Split(',', 2) is [string text, _] ? text : "", NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            ? first
            : throw Damaged(file, "rows that begin with a whole number", line);

    private double Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
            : throw Damaged(RunFiles.Steps, "numbers", text);

    private string[] Fields(string file, string line) =>
        line.Split(',') is { Length: > 2 } fields ? fields : throw Damaged(file, "rows of at least three numbers", line);

    private RunException Damaged(string file, string expected, string found) =>
        RunException.Damaged(Path.Combine(_directory.Path, file), expected, $"'{PlainText.Brief(found)}'");
}
