using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <content>Going on with a run.</content>
internal sealed partial class TrainJob
{
    /// <summary>Where to begin.</summary>
    /// <returns>False where a finished run has nothing left to do.</returns>
    private static bool Begin(TrainOptions options, RunDirectory directory, string digest, out Checkpoint? from)
    {
        from = null;
        if (options.Resume is null)
        {
            return true;
        }

        if (RunConfig.Digest(options.Resume) is string then && then != digest)
        {
            throw CliException.WrongInput(
                $"{TrainOptions.ResumeName}: the data are not those that the run in '{options.Resume}' began with");
        }

        Action<string> say = options.IsSilent ? _ => { } : Console.WriteLine;
        from = LastCheckpoint(directory);
        string summary = Path.Combine(directory.Path, RunFiles.Summary);
        if (File.Exists(summary))
        {
            if (from is null || from.Epoch > options.Epochs)
            {
                say($"the run in {directory.Path} is finished; give it more --epochs to go on");
                return false;
            }

            File.Delete(summary);
        }

        say(from is null
            ? $"{directory.Path} has no checkpoint yet: from the start"
            : $"{directory.Path}: going on after step {from.Step}");
        return true;
    }

    private Checkpoints WatchCheckpoints()
    {
        var checkpoints = new Checkpoints(Path.Combine(_directory.Path, CheckpointsFolder), _options.ToCheckpoints());
        checkpoints.Captured += (_, _) => _log.TrySave();
        checkpoints.Writing += (_, _) => _log.Sync();
        string? said = null;
        checkpoints.Saved += (_, _) => said = null;
        checkpoints.Failed += (_, e) =>
        {
            // A full disk fails each of them; what stays the same is said once.
            if (said is null)
            {
                said = e.Message;
                Console.Error.WriteLine($"warning: no checkpoint: {e.Message}; training goes on, the one before stays");
            }
        };
        checkpoints.Watch(_trainer);
        return checkpoints;
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
            ? throw CliException.WrongInput(
                $"{TrainOptions.ResumeName}: none of the {passedOver.Count} checkpoints in '{folder}' can be read; begin anew with train")
            : last;
    }
}
