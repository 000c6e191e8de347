using System.Diagnostics;

namespace TorchAttention.Training;

/// <summary>
/// The checkpoints of one training in a folder: written beside the training while it goes on, found again when it is to go on.
/// </summary>
/// <remarks>
/// A step waits for the copy in memory only; the file is written on a thread of its own. Where one is still being written when the next is
/// due by the clock, the next comes later; where it is due by its steps, the training waits. A checkpoint that cannot be written (a full
/// disk) is reported, and those before it stay. Checkpoints of later steps, which another training has left in the folder or which could
/// not be read when this one went on, are put aside when the first is written: they get the ending <c>.aside</c>, so that they neither are
/// found in the place of this training's nor are lost.
/// </remarks>
public sealed class Checkpoints : IDisposable
{
    private const string Prefix = "step-";
    private const string Suffix = ".safetensors";
    private const string Aside = ".aside";

    private readonly string _folder;
    private readonly CheckpointOptions _options;
    private Trainer? _trainer;
    private Task _writing = Task.CompletedTask;
    private long _lastTime = Stopwatch.GetTimestamp();
    private int _stepsSince;

    /// <summary>Creates the checkpoints of a folder.</summary>
    /// <param name="folder">The folder; made when the first is written.</param>
    /// <param name="options">When to save.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Checkpoints(string folder, CheckpointOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        _folder = folder;
        _options = options ?? new CheckpointOptions();
        _options.Check();
    }

    /// <summary>
    /// Raised on the training's thread when one was captured, before it is written: the moment to bring other files up to this step.
    /// </summary>
    public event EventHandler<Checkpoint>? Captured;

    /// <summary>Raised before one is written, on a thread of the pool: the moment to see other files safely on the disk.</summary>
    public event EventHandler<Checkpoint>? Writing;

    /// <summary>Raised when one is on the disk, on a thread of the pool.</summary>
    public event EventHandler<Checkpoint>? Saved;

    /// <summary>Raised when one could not be written, on a thread of the pool.</summary>
    public event EventHandler<Exception>? Failed;

    /// <summary>
    /// Saves a trainer's training when the options say so, when it is interrupted, and at its end: it may be given more epochs.
    /// </summary>
    /// <param name="trainer">The trainer.</param>
    public void Watch(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        _trainer = trainer;
        trainer.StepCompleted += (_, _) => SaveWhenDue(++_stepsSince);
        trainer.EpochCompleted += (_, _) => SaveWhenDue(_stepsSince);
        trainer.Interrupted += (_, _) => Save();
        trainer.Completed += (_, _) =>
        {
            _writing.Wait();
            Begin();
        };
    }

    /// <summary>Saves now, and waits until it is on the disk or could not be written.</summary>
    public void Save()
    {
        _writing.Wait();
        Begin();
        _writing.Wait();
    }

    /// <summary>The newest checkpoint of a folder that can be read.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="passedOver">Why newer ones could not be.</param>
    /// <returns>The checkpoint; null where there is none.</returns>
    public static Checkpoint? Latest(string folder, out IReadOnlyList<StorageException> passedOver)
    {
        var problems = new List<StorageException>();
        passedOver = problems;
        foreach (string path in Files(folder))
        {
            try
            {
                return Checkpoint.Read(path);
            }
            catch (StorageException e)
            {
                problems.Add(e);
            }
        }

        return null;
    }

    /// <summary>Waits until the last one is written.</summary>
    public void Dispose() => _writing.Wait();

    private void SaveWhenDue(int steps)
    {
        bool isDueByTime = _options.EverySeconds is double seconds && Stopwatch.GetElapsedTime(_lastTime).TotalSeconds >= seconds;
        if (steps >= _options.EverySteps || (isDueByTime && _writing.IsCompleted))
        {
            _writing.Wait();
            Begin();
        }
    }

    private void Begin()
    {
        Checkpoint checkpoint = _trainer!.Capture();
        Captured?.Invoke(this, checkpoint);
        _writing = Task.Run(() => Write(checkpoint));
        _stepsSince = 0;
        _lastTime = Stopwatch.GetTimestamp();
    }

    private void Write(Checkpoint checkpoint)
    {
        try
        {
            Writing?.Invoke(this, checkpoint);
            Directory.CreateDirectory(_folder);
            string name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{checkpoint.Step:D10}{Suffix}");
            checkpoint.Write(Path.Combine(_folder, name));
            foreach (string later in Files(_folder).TakeWhile(file => string.CompareOrdinal(Path.GetFileName(file), name) > 0))
            {
                File.Move(later, later + Aside, overwrite: true);
            }

            foreach (string old in Files(_folder).Skip(_options.Keep).Concat(Directory.EnumerateFiles(_folder, $".{Prefix}*.tmp")))
            {
                File.Delete(old);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Failed?.Invoke(this, e);
            return;
        }

        Saved?.Invoke(this, checkpoint);
    }

    // The number of steps has the same length in every name, so that the order of the names is theirs.
    private static IEnumerable<string> Files(string folder) =>
        Directory.Exists(folder) ? Directory.GetFiles(folder, $"{Prefix}*{Suffix}").OrderDescending(StringComparer.Ordinal) : [];
}
