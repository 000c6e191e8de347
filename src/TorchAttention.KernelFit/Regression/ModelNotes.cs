using System.Text.Json.Serialization;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Regression;

/// <summary>What the console keeps with a model: the names of its columns.</summary>
internal sealed partial class ModelNotes
{
    private const string FeaturesKey = "x";
    private const string TargetKey = "y";

    private ModelNotes(string[] features, string target)
    {
        Features = features;
        Target = target;
    }

    public string[] Features { get; }

    public string Target { get; }

    public static Dictionary<string, string> Create(IReadOnlyList<string> features, string target) => new()
    {
        [FeaturesKey] = JsonSerializer.Serialize([.. features], NamesJson.Default.StringArray),
        [TargetKey] = target,
    };

    /// <summary>The names kept with a model; for one without, x or x1, x2, ... and y.</summary>
    public static ModelNotes Read(string path, IReadOnlyDictionary<string, string> notes, int features)
    {
        if (!notes.TryGetValue(FeaturesKey, out string? text))
        {
            return new ModelNotes(features == 1 ? ["x"] : [.. Enumerable.Range(1, features).Select(j => $"x{j}")], "y");
        }

        try
        {
            string[]? names = JsonSerializer.Deserialize(text, NamesJson.Default.StringArray);
            return names?.Length == features && names.All(name => name is not null)
                ? new ModelNotes(names, notes.GetValueOrDefault(TargetKey, "y"))
                : throw new StorageException(StorageProblem.Text, path)
                {
                    Name = StoredModel.NotePrefix + FeaturesKey,
                    Expected = $"the names of {features} features as",
                    Found = text,
                };
        }
        catch (JsonException e)
        {
            throw new StorageException(StorageProblem.Text, path, e)
            {
                Name = StoredModel.NotePrefix + FeaturesKey,
                Expected = "the names of the features, a list, as",
                Found = text,
            };
        }
    }

    [JsonSerializable(typeof(string[]))]
    private sealed partial class NamesJson : JsonSerializerContext;
}
