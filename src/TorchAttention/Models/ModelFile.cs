using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>Saves and loads every model that learns, in the safetensors format: its state in tensors, its kernel or score and how it is trained as text.</summary>
/// <remarks>
/// Nothing in a file is ever run, and no more memory is taken than its tensors have numbers: their names, shapes and number types are checked before a model is made. How a pooling is computed, the
/// <c>Method</c>, belongs to the machine and is not saved.
/// </remarks>
public static class ModelFile
{
    internal const string Kernel = "nw_kernel_regression";
    internal const string Relevance = "relevance_kernel_regression";
    internal const string Regional = "regional_kernel_regression";
    internal const string Attention = "attention_regression";

    private const string Format = "torchattention";
    private const string NotePrefix = "note.";

    // Version 1 had the chapter's model alone, with the Gaussian.
    private const int Version = 2;

    /// <summary>Saves a model.</summary>
    /// <param name="model">One of this library's models.</param>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with the model, such as the names and scales of columns; <see cref="Load(string, Device, out IReadOnlyDictionary{string, string})"/> gives it back.</param>
    /// <exception cref="NotSupportedException">The model is of another library, or its numbers are neither float32 nor float64.</exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static void Save(Module model, string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        (string kind, Dictionary<string, string> options) = model switch
        {
            NWKernelRegression kernel => (Kernel, StoredOptions.Texts(kernel.Options)),
            RelevanceKernelRegression relevance => (Relevance, StoredOptions.Texts(relevance.Options)),
            RegionalKernelRegression regional => (Regional, StoredOptions.Texts(regional.Options)),
            AttentionRegression attention => (Attention, StoredOptions.Texts(attention.Options)),
            _ => throw new NotSupportedException($"Expected a model of this library, got {model.GetType().Name}."),
        };
        var metadata = new Dictionary<string, string> { ["format"] = Format, ["version"] = StoredOptions.Text(Version), ["model"] = kind };
        foreach ((string name, string text) in options)
        {
            metadata[name] = text;
        }

        foreach ((string name, string text) in notes ?? new Dictionary<string, string>())
        {
            metadata[NotePrefix + name] = text;
        }

        new SafeTensorsFile(StoredState.Of(model), metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <returns>The model, of the type that was saved, set to evaluation.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
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
        notes = file.Metadata.Where(text => text.Key.StartsWith(NotePrefix, StringComparison.Ordinal))
            .ToDictionary(text => text.Key[NotePrefix.Length..], text => text.Value);
        return Load(path, file, device, Kernel, Relevance, Regional, Attention);
    }

    internal static Module Load(string path, SafeTensorsFile file, Device? device, params string[] kinds)
    {
        string? kind = kinds.FirstOrDefault(kind => file.Metadata.GetValueOrDefault("model") == kind);
        var reader = new StoredModel(path, file, Format, kind ?? string.Join("', '", kinds), Version);
        try
        {
            using DisposeScope scope = NewDisposeScope();
            Module model = kind == Attention
                ? StoredState.Create(path, file, StoredOptions.Attention(reader), device)
                : StoredState.Create(path, file, kind!, StoredOptions.Kernel(reader), device);
            model.eval();
            return model;
        }
        catch (ArgumentException e)
        {
            throw new StorageException(StorageProblem.Numbers, path, e) { Expected = "a model of numbers that can be used", Found = $"others ({e.Message})" };
        }
    }
}
