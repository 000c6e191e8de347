using System.Globalization;
using System.Security.Cryptography;
using TorchAttention.Data;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <content>Going on with a run.</content>
internal static partial class TrainJob
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
            throw CliException.WrongInput($"--resume: the data are not those that the run in '{options.Resume}' began with");
        }

        from = LastCheckpoint(directory);
        string summary = Path.Combine(directory.Path, SummaryFile);
        if (File.Exists(summary))
        {
            if (from is null || from.Epoch > options.Epochs)
            {
                Say(options, $"the run in {directory.Path} is finished; give it more --epochs to go on");
                return false;
            }

            File.Delete(summary);
        }

        Say(options, from is null
            ? $"{directory.Path} has no checkpoint yet: from the start"
            : string.Create(CultureInfo.InvariantCulture, $"{directory.Path}: going on after step {from.Step}"));
        return true;
    }

    private static Checkpoints Watch(Trainer trainer, TrainOptions options, RunDirectory directory, TrainingLog log)
    {
        var checkpoints = new Checkpoints(Path.Combine(directory.Path, CheckpointsFolder), options.ToCheckpoints());
        checkpoints.Captured += (_, _) => log.TrySave();
        checkpoints.Writing += (_, _) => log.Sync();
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
        checkpoints.Watch(trainer);
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
        foreach (torch.Tensor part in (torch.Tensor[])[data.XTrain, data.YTrain, data.XVal, data.YVal])
        {
            using torch.Tensor here = part.cpu();
            hash.AppendData(here.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
