using System.Diagnostics;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Runs;

/// <summary>Every step and epoch of a training as the rows of two CSV files that grow while it goes on.</summary>
/// <remarks>
/// <para><c>steps.csv</c>: step, epoch, train_loss, the learned numbers by name, lr, grad_norm. <c>epochs.csv</c>: epoch, train_loss,
/// val_loss, the learned numbers, the trainer's <see cref="Trainer.Metrics"/> of that moment by name.</para>
/// <para>Lines are written about once a second, when it is asked for, and at the end. A disk that is full ends no training:
/// <see cref="Failed"/> tells, and the lines wait.</para>
/// <code>
/// using var log = new MetricsLog(trainer, "runs/mine", model);
/// trainer.Fit(model, data);
/// </code>
/// </remarks>
public sealed class MetricsLog : IDisposable
{
    private const double SecondsBetweenFlushes = 1;

    // A second signal saves from a thread of its own, while a step may be adding its line.
    private readonly Lock _lock = new();
    private readonly string _folder;
    private readonly ILearnedNumbers? _numbers;
    private readonly double _lossScale;
    private readonly string[] _metrics;
    private readonly GrowingFile _steps;
    private readonly GrowingFile _epochs;
    private long _flushed = Stopwatch.GetTimestamp();
    private bool _isWarned;
    private bool _isClosed;

    /// <summary>The name of the file of the steps.</summary>
    public const string StepsFile = RunFile.Steps;

    /// <summary>The name of the file of the epochs.</summary>
    public const string EpochsFile = RunFile.Epochs;

    /// <summary>Begins the files, or goes on with those of a training that goes on.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="folder">The folder; made where it does not exist.</param>
    /// <param name="numbers">Where the learned numbers are from, such as a model; null for none.</param>
    /// <param name="from">The checkpoint that the training goes on from: later lines are taken out; null where it begins.</param>
    /// <param name="lossScale">What losses are multiplied by, such as the square of y's deviation.</param>
    /// <exception cref="RunException">A file there is damaged.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public MetricsLog(Trainer trainer, string folder, ILearnedNumbers? numbers = null, Checkpoint? from = null, double lossScale = 1)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(folder);
        Directory.CreateDirectory(folder);
        _folder = folder;
        _numbers = numbers;
        _lossScale = lossScale;
        _metrics = [.. trainer.Metrics.Keys];
        string columns = Columns(Learned().Select(number => number.Name));
        int steps = from?.Step ?? 0;
        int epochs = (from?.Epoch ?? 1) - 1;
        _steps = new GrowingFile(
            Path.Combine(folder, StepsFile),
            $"step,epoch,train_loss{columns},lr,grad_norm",
            line => First(StepsFile, line) <= steps);
        _epochs = new GrowingFile(
            Path.Combine(folder, EpochsFile),
            $"epoch,train_loss,val_loss{columns}{Columns(_metrics)}",
            line => First(EpochsFile, line) <= epochs);
        StepCount = steps;
        trainer.StepCompleted += (_, e) => AddStep(e);
        trainer.StepSkipped += (_, e) => StepCount = e.Step;
        trainer.EpochCompleted += (_, e) => AddEpoch(e);
    }

    /// <summary>Lines could not be written, and wait; once for each trouble that lasts.</summary>
    public event EventHandler<IOException>? Failed;

    /// <summary>Runs each write, so that a caller may see it to its end; it is called on any thread.</summary>
    public Action<Action> Writing { get; init; } = write => write();

    /// <summary>Steps of the whole training until now.</summary>
    public int StepCount { get; private set; }

    /// <summary>Gives a board the points that it would have had if the training had never stopped.</summary>
    /// <param name="board">The board.</param>
    /// <param name="batchCount">Mini-batches in an epoch.</param>
    /// <param name="trainPointsPerEpoch">Points of the training's loss in an epoch.</param>
    /// <exception cref="RunException">A file is damaged.</exception>
    public void Replay(ProgressBoard board, int batchCount, int trainPointsPerEpoch = 2)
    {
        ArgumentNullException.ThrowIfNull(board);
        foreach (string[] row in _steps.Read().Select(line => Fields(StepsFile, line)))
        {
            double x = (Number(row[0]) - 1) / batchCount;
            board.Draw(x, Number(row[2]) / _lossScale, "train_loss", Math.Max(1, batchCount / trainPointsPerEpoch));
        }

        foreach (string[] row in _epochs.Read().Select(line => Fields(EpochsFile, line)))
        {
            board.Draw(Number(row[0]), Number(row[2]) / _lossScale, "val_loss");
        }
    }

    /// <summary>The learned numbers after every epoch.</summary>
    public IReadOnlyList<(double Epoch, double[] Values)> Trace()
    {
        int count = Learned().Count;
        if (count == 0)
        {
            return [];
        }

        Save();
        return
        [
            .. _epochs.Read().Select(line => line.Split(','))
                .Select(row => (Number(row[0]), Array.ConvertAll(row[3..(3 + count)], Number))),
        ];
    }

    /// <summary>Writes what waits.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public void Save() => Writing(() =>
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
                _isWarned = true;
                Failed?.Invoke(this, e);
            }
        }
    }

    /// <summary>Writes what waits, if that can be written, and closes the files; what is asked of it later does nothing.</summary>
    public void Dispose()
    {
        TrySave();
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
            string loss = RunNumber.Format(_lossScale * e.Loss);
            _steps.Add($"{e.Step},{e.Epoch},{loss}{Numbers()},{e.LearningRate:R},{RunNumber.Format(e.GradientNorm)}");
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
                $"{e.Epoch},{_lossScale * e.TrainLoss:R},{_lossScale * e.ValLoss:R}{Numbers()}{Numbers(e)}");
        }
    }

    private IReadOnlyList<(string Name, double Value)> Learned() => _numbers?.LearnedNumbers() ?? [];

    private string Numbers() => string.Concat(Learned().Select(number => "," + RunNumber.Format(number.Value)));

    private string Numbers(EpochCompleted e)
    {
        Dictionary<string, double> metrics = e.Metrics.ToDictionary(metric => metric.Name, metric => metric.Value);
        return string.Concat(_metrics.Select(name =>
            string.Create(CultureInfo.InvariantCulture, $",{metrics.GetValueOrDefault(name, double.NaN):R}")));
    }

    private static string Columns(IEnumerable<string> names) => string.Concat(names.Select(name => "," + RunFile.Field(name)));

    private int First(string file, string line) =>
        int.TryParse(line.Split(',', 2) is [string text, _] ? text : "", NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            ? first
            : throw Damaged(file, "rows that begin with a whole number", line);

    private double Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
            : throw Damaged(StepsFile, "numbers", text);

    private string[] Fields(string file, string line) =>
        line.Split(',') is { Length: > 2 } fields ? fields : throw Damaged(file, "rows of at least three numbers", line);

    private RunException Damaged(string file, string expected, string found) =>
        RunException.Damaged(Path.Combine(_folder, file), expected, $"'{PlainText.Brief(found)}'");
}
