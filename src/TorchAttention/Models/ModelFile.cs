using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>
/// Saves and loads every model that learns, in the safetensors format: its state in tensors; its kernel or score, how it is trained and the
/// units of its columns as text.
/// </summary>
/// <remarks>
/// <para>
/// Nothing in a file is ever run, and no more memory is taken than its tensors have numbers: their names, shapes and number types are
/// checked before a model is made. How a pooling is computed, the
/// <c>Method</c>, belongs to the machine and is not saved.
/// </para>
/// <para>
/// Of a <see cref="ModelInUnits"/>, such as <c>train</c> saves, the header says what x and y are (<c>x</c>, a JSON list of names, and
/// <c>y</c>) and how they were standardised (<c>x_mean</c>, <c>x_deviation</c>, <c>y_mean</c>, <c>y_deviation</c>), and <c>version</c> is
/// 3. The tensors are in standard deviations all the same. Files of version 2 have no units: what <c>train</c> saved before takes and gives
/// standard deviations, and keeps doing so.
/// </para>
/// </remarks>
public static class ModelFile
{
    // Version 1 had the chapter's model alone, with the Gaussian.
    private const int Version = 2;
    private const int VersionWithUnits = 3;

    /// <summary>Saves a model.</summary>
    /// <param name="model">One of this library's models, or a <see cref="ModelInUnits"/> of one.</param>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">
    /// Text to keep with the model, such as where its data are from;
    /// <see cref="Load(string, Device, out IReadOnlyDictionary{string, string})"/> gives it back.
    /// </param>
    /// <exception cref="NotSupportedException">
    /// The model is of another library, its kernel is one's own, or its numbers are neither float32 nor float64.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// One of its numbers is not finite, which <see cref="Load(string, Device)"/> would refuse.
    /// </exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static void Save(Module model, string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        ModelUnits? units = (model as ModelInUnits)?.Units;
        Module own = (model as ModelInUnits)?.Model ?? model;
        var kind = ModelKind.For(own);
        Dictionary<string, string> options = kind.Options(own);
        string version = StoredOptions.Text(units is null ? Version : VersionWithUnits);
        var metadata = new Dictionary<string, string> { ["format"] = StoredModel.Format, ["version"] = version, ["model"] = kind.Name };
        foreach ((string name, string text) in units is null ? options : options.Concat(StoredUnits.Texts(units)))
        {
            metadata[name] = text;
        }

        StoredModel.AddNotes(metadata, notes);

        new SafeTensorsFile(StoredState.Tensors(own), metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <returns>The model, of the type that was saved (<see cref="ModelInUnits"/> of what <c>train</c> saves), set to evaluation.</returns>
    /// <exception cref="StorageException">
    /// The file is missing, damaged, of another kind or of a later version, or has a number that cannot be used.
    /// </exception>
    public static Module Load(string path, Device? device = null) => Load(path, device, out _);

    /// <summary>Loads a model and the notes that were saved with it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <param name="notes">The notes by name.</param>
    /// <returns>The model, of the type that was saved, set to evaluation.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static Module Load(string path, Device? device, out IReadOnlyDictionary<string, string> notes)
    {
        SafeTensorsFile file = SafeTensorsFile.Read(path);
        notes = StoredModel.Notes(file);
        return Load(path, file, device);
    }

    /// <summary>Loads a model of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <returns>The model, of the type that was saved, set to evaluation.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static Module Load(string path, SafeTensorsFile file, Device? device = null) => Load(path, file, device, ModelKind.All);

    /// <summary>Whether a file's content says that it is a model which <see cref="Load(string, SafeTensorsFile, Device)"/> knows.</summary>
    /// <param name="file">The content.</param>
    public static bool IsKnown(SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Find(file, ModelKind.All) is not null;
    }

    internal static Module Load(string path, SafeTensorsFile file, Device? device, IReadOnlyList<ModelKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(file);
        ModelKind? kind = Find(file, kinds);
        var reader = new StoredModel(
            path, file, kind?.Name ?? string.Join("', '", kinds.Select(kind => kind.Name)), VersionWithUnits);
        try
        {
            using DisposeScope scope = NewDisposeScope();
            var state = new StoredState(path, file, device);
            Module model = kind!.Load(state, reader);
            model = StoredUnits.AreIn(file) || reader.Text("version") == StoredOptions.Text(VersionWithUnits)
                ? new ModelInUnits(model, StoredUnits.Read(reader, state.Features))
                : model;
            model.eval();
            return model;
        }
        catch (ArgumentException e)
        {
            throw reader.Unusable(e.Message, e);
        }
    }

    private static ModelKind? Find(SafeTensorsFile file, IReadOnlyList<ModelKind> kinds) =>
        kinds.FirstOrDefault(kind => file.Metadata.GetValueOrDefault("model") == kind.Name);
}
