using System.Security.Cryptography;
using System.Text;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Training;

/// <summary>
/// A training at one moment: module, optimiser, place in the epoch, random state. From it a training goes on bit for bit as if it had never
/// stopped.
/// </summary>
/// <remarks>
/// A file in the safetensors format: <c>model.*</c>, <c>average.*</c>, <c>best.*</c> and <c>optimizer.*</c> hold tensors, the header's
/// text the rest, with a digest of both. What is not in it and must be the same again: the data, the module's and the trainer's options,
/// the number of threads where libtorch's sums depend on it. Random draws of a module on a CUDA device (dropout) have no state that can be
/// saved.
/// </remarks>
public sealed class Checkpoint
{
    private const string Kind = "checkpoint";
    private const int Version = 1;
    private const string ModelPrefix = "model.";
    private const string BestPrefix = "best.";
    private const string OptimizerPrefix = "optimizer.";
    private const string AveragePrefix = "average.";
    private const string EpochRandomName = "random.epoch";
    private const string GlobalRandomName = "random.global";
    private const string PlateauFactor = "plateau_factor";
    private const string Batches = "batches";
    private const string BatchesInAStep = "batches_in_a_step";
    private const string AverageDecay = "average_decay";
    private const string Groups = "groups";
    private const string Digest = "sha256";

    private readonly Dictionary<string, SafeTensor> _tensors;
    private readonly Dictionary<string, string> _metadata;
    private readonly string _name;

    private Checkpoint(Dictionary<string, SafeTensor> tensors, Dictionary<string, string> metadata, string name)
    {
        _tensors = tensors;
        _metadata = metadata;
        _name = name;
        Step = Whole("step");
        Epoch = Whole("epoch");
    }

    /// <summary>Steps taken, or left out, before it.</summary>
    public int Step { get; }

    /// <summary>The epoch of the next step, from 1.</summary>
    public int Epoch { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, damaged, of another kind or of another version.</exception>
    public static Checkpoint Read(string path)
    {
        SafeTensorsFile file = SafeTensorsFile.Read(path);
        _ = new StoredModel(path, file, Kind, Version);
        var metadata = file.Metadata.Where(pair => pair.Key != Digest).ToDictionary();
        var tensors = file.Tensors.ToDictionary();
        return file.Metadata.GetValueOrDefault(Digest) == DigestOf(tensors, metadata)
            ? new Checkpoint(tensors, metadata, path)
            : throw new StorageException(StorageProblem.Digest, path)
            {
                Expected = "a checkpoint whose content fits its digest",
                Found = "another: the file is damaged",
            };
    }

    /// <summary>Writes the file, whole or not at all, and waits until it is on the disk.</summary>
    /// <param name="path">The file; replaced where it exists.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Write(string path)
    {
        var metadata = new Dictionary<string, string>(_metadata) { [Digest] = DigestOf(_tensors, _metadata) };
        WholeFile.Write(path, new SafeTensorsFile(_tensors, metadata).Write, durable: true);
    }

    internal static Checkpoint Capture(TrainingRun run)
    {
        var tensors = new Dictionary<string, SafeTensor>();
        foreach ((int i, (string name, Tensor part)) in run.State.Index())
        {
            tensors[ModelPrefix + name] = TensorBytes.Stored(part, run.LastCaptured?._tensors.GetValueOrDefault(ModelPrefix + name));
            if (run.Best is not null)
            {
                tensors[BestPrefix + name] = SafeTensor.OfBytes(TensorBytes.TypeName(part), run.Best[i], part.shape);
            }
        }

        foreach ((Tensor average, (string name, _)) in (run.Average?.Averages ?? []).Zip(run.Parameters))
        {
            tensors[AveragePrefix + name] = TensorBytes.Stored(average);
        }

        foreach ((string name, SafeTensor part) in OptimizerMemory.Save(run.Optimizer))
        {
            tensors[OptimizerPrefix + name] = part;
        }

        tensors[EpochRandomName] = SafeTensor.OfBytes("U8", run.EpochRandomState, run.EpochRandomState.Length);
        using (Tensor random = Held.RandomState())
        {
            tensors[GlobalRandomName] = TensorBytes.Stored(random);
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["model"] = Kind,
            ["version"] = Text(Version),
            ["module"] = run.Model.GetName(),
            ["optimizer"] = OptimizerMemory.NameOf(run.Optimizer),
            ["step"] = Text(run.Step),
            ["epoch"] = Text(run.Epoch),
            ["batch"] = Text(run.Batch),
            [Batches] = Text(run.StepsInAnEpoch),
            [Groups] = run.Groups,
            [BatchesInAStep] = Text(run.BatchesInAStep),
            [AverageDecay] = Text(run.Average?.Decay ?? 0),
            ["loss_sum"] = Text(run.Losses.Sum),
            ["loss_examples"] = Text(run.Losses.Examples),
            ["best_val_loss"] = Text(run.BestValLoss),
            ["best_epoch"] = Text(run.BestEpoch),
        };
        if (run.Plateau is PlateauMemory plateau)
        {
            metadata[PlateauFactor] = Text(plateau.Factor);
            metadata["plateau_best"] = Text(plateau.Best);
            metadata["plateau_poor_epochs"] = Text(plateau.PoorEpochs);
            metadata["plateau_cooldown"] = Text(plateau.CooldownLeft);
        }

        return run.LastCaptured = new Checkpoint(tensors, metadata, "the checkpoint");
    }

    internal void Restore(TrainingRun run)
    {
        Same("module", run.Model.GetName());
        Same("optimizer", OptimizerMemory.NameOf(run.Optimizer));
        Same(Batches, Text(run.StepsInAnEpoch));
        Same(Groups, run.Groups);
        Same(BatchesInAStep, Text(run.BatchesInAStep));
        Same(AverageDecay, Text(run.Average?.Decay ?? 0));
        SafeTensor[] state = [.. run.State.Select(part => Part(ModelPrefix + part.Name, part.Tensor))];
        bool hasBest = run.State.Count > 0 && _tensors.ContainsKey(BestPrefix + run.State[0].Name);
        bool hasAverage = run.Average is not null && _tensors.Keys.Any(name => name.StartsWith(AveragePrefix, StringComparison.Ordinal));
        SafeTensor[] average = hasAverage ? [.. run.Parameters.Select(pair => Part(AveragePrefix + pair.Name, pair.Parameter))] : [];
        byte[][]? best = hasBest ? [.. run.State.Select(part => Part(BestPrefix + part.Name, part.Tensor).Bytes.ToArray())] : null;
        var memory = _tensors.Where(pair => pair.Key.StartsWith(OptimizerPrefix, StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key[OptimizerPrefix.Length..], pair => pair.Value);
        try
        {
            OptimizerMemory.Load(run.Optimizer, memory);
            run.EpochRandomState = _tensors[EpochRandomName].Bytes.ToArray();
            run.Data.RandomState = run.EpochRandomState;
            using Tensor random = tensor(_tensors[GlobalRandomName].Bytes.ToArray(), ScalarType.Byte);
            Held.SetRandomState(random);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new StorageException(StorageProblem.OtherTraining, _name, e)
            {
                Expected = "everything that the training needs",
                Found = $"less ({e.Message})",
            };
        }

        (run.Step, run.Epoch, run.Batch) = (Step, Epoch, Whole("batch"));
        run.Losses = (Number("loss_sum"), Whole("loss_examples"));
        run.Plateau = _metadata.ContainsKey(PlateauFactor)
            ? new PlateauMemory(Number(PlateauFactor), Number("plateau_best"), Whole("plateau_poor_epochs"), Whole("plateau_cooldown"))
            : null;
        (run.BestValLoss, run.BestEpoch, run.Best) = (Number("best_val_loss"), Whole("best_epoch"), best);

        if (hasAverage)
        {
            run.Average!.Begin();
        }

        foreach ((Tensor part, SafeTensor stored) in (run.Average?.Averages ?? []).Zip(average))
        {
            TensorBytes.CopyTo(part, stored.Bytes);
        }

        // The module is the caller's: it is touched last, when nothing can be wrong any more.
        foreach ((int i, (_, Tensor part)) in run.State.Index())
        {
            TensorBytes.CopyTo(part, state[i].Bytes);
        }
    }

    private string Way => $"make it as the first time, or delete '{_name}' to begin anew";

    private SafeTensor Part(string name, Tensor like)
    {
        SafeTensor part = _tensors.GetValueOrDefault(name) ?? throw Other(name, null, $"none: the checkpoint is of another module; {Way}");
        return part.DataType == TensorBytes.TypeName(like) && part.Shape.SequenceEqual(like.shape)
            ? part
            : throw Other(
                name, $"of type {TensorBytes.TypeName(like)} and shape {Guard.Shape(like)}",
                $"{part}: the checkpoint is of another training; {Way}");
    }

    private void Same(string what, string now)
    {
        if (_metadata.GetValueOrDefault(what) is string then && then != now)
        {
            throw Other(null, $"a checkpoint of this training, whose {what} is {now}", then);
        }
    }

    private int Whole(string name) =>
        int.TryParse(_metadata.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw Missing(name);

    private double Number(string name) =>
        double.TryParse(_metadata.GetValueOrDefault(name), NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw Missing(name);

    private StorageException Missing(string name) => new(StorageProblem.Text, _name)
    {
        Name = name,
        Expected = "a number",
        Found = _metadata.GetValueOrDefault(name),
    };

    private StorageException Other(string? name, string? expected, string found) =>
        new(StorageProblem.OtherTraining, _name) { Name = name, Expected = expected, Found = found };

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string DigestOf(Dictionary<string, SafeTensor> tensors, Dictionary<string, string> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string text) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}={text}\n"));
        }

        foreach ((string name, SafeTensor part) in tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}:{part}\n"));
            hash.AppendData(part.Bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
