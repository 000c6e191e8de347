using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>A kind of model that <see cref="ModelFile"/> saves and loads: each model says its own beside its code.</summary>
internal abstract class ModelKind(string name)
{
    /// <summary>Every kind.</summary>
    public static IReadOnlyList<ModelKind> All { get; } =
        [.. NWKernelRegression.Kinds, AttentionRegression.Kind, InContextRegression.Kind];

    /// <summary>What a file of it says it is.</summary>
    public string Name { get; } = name;

    /// <summary>The kind of a model.</summary>
    /// <exception cref="NotSupportedException">It is of another library.</exception>
    public static ModelKind For(Module model) => All.FirstOrDefault(kind => kind.Has(model))
        ?? throw new NotSupportedException($"Expected a model of this library, got {model.GetType().Name}.");

    /// <summary>The model's options as text, by name.</summary>
    public abstract Dictionary<string, string> Options(Module model);

    /// <summary>Makes the model of a file, its numbers checked before.</summary>
    public abstract Module Load(StoredState state, StoredModel reader);

    protected abstract bool Has(Module model);
}
