using System.Text.Json.Serialization;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Regression;

/// <summary>What the console keeps with a model: the names of its columns.</summary>
internal sealed partial class ModelNotes
{
    private const string FeaturesKey = "x";
    private const string KindsKey = "x_kinds";
    private const string TargetKey = "y";
    private const string GroupsKey = "by";

    private ModelNotes(string[] features, string target, ColumnKind[] kinds)
    {
        Features = features;
        Target = target;
        Kinds = kinds;
    }

    public string[] Features { get; }

    /// <summary>What the features are.</summary>
    public ColumnKind[] Kinds { get; }

    /// <summary>The target's column; several with commas between them.</summary>
    public string Target { get; }

    /// <summary>The names of the target's columns.</summary>
    public string[] TargetsOf(int columns) => Split(Target, columns);

    /// <summary>The names of a target's columns, numbers where it has none of them.</summary>
    public static string[] Split(string target, int columns) => columns == 1 ? [target]
        : target.Split(',') is var names && names.Length == columns ? names
        : [.. Enumerable.Range(1, columns).Select(c => $"{target}{c}")];

    /// <summary>The column of groups that is kept with a model.</summary>
    public static string GroupsOf(IReadOnlyDictionary<string, string> notes) => notes.GetValueOrDefault(GroupsKey, "group");

    public static Dictionary<string, string> Create(
        IReadOnlyList<string> features, string target, IReadOnlyList<ColumnKind>? kinds = null, string? groups = null)
    {
        var notes = new Dictionary<string, string>
        {
            [FeaturesKey] = JsonSerializer.Serialize([.. features], NamesJson.Default.StringArray),
            [TargetKey] = target,
        };
        if (groups is not null)
        {
            notes[GroupsKey] = groups;
        }

        if (kinds is not null && kinds.Any(kind => kind != ColumnKind.Number))
        {
            notes[KindsKey] = JsonSerializer.Serialize([.. kinds.Select(Options.Name)], NamesJson.Default.StringArray);
        }

        return notes;
    }

    /// <summary>The names kept with a model; for one without, x or x1, x2, ... and y.</summary>
    public static ModelNotes Read(string path, IReadOnlyDictionary<string, string> notes, int features)
    {
        string[] names = List(path, notes, FeaturesKey, features, "names")
            ?? (features == 1 ? ["x"] : [.. Enumerable.Range(1, features).Select(j => $"x{j}")]);
        string[]? kinds = List(path, notes, KindsKey, features, "kinds");
        Dictionary<string, ColumnKind> known = Options.Names<ColumnKind>();
        return kinds?.FirstOrDefault(kind => !known.ContainsKey(kind)) is string other
            ? throw Wrong(path, KindsKey, $"kinds of features ({string.Join(", ", known.Keys)}) as", other)
            : new ModelNotes(
                names, notes.GetValueOrDefault(TargetKey, "y"),
                kinds is null ? new ColumnKind[features] : Array.ConvertAll(kinds, kind => known[kind]));
    }

    private static string[]? List(string path, IReadOnlyDictionary<string, string> notes, string key, int features, string what)
    {
        if (!notes.TryGetValue(key, out string? text))
        {
            return null;
        }

        try
        {
            string[]? list = JsonSerializer.Deserialize(text, NamesJson.Default.StringArray);
            return list?.Length == features && list.All(name => name is not null) ? list
                : throw Wrong(path, key, $"the {what} of {features} features as", text);
        }
        catch (JsonException e)
        {
            throw Wrong(path, key, $"the {what} of the features, a list, as", text, e);
        }
    }

    private static StorageException Wrong(string path, string key, string expected, string found, Exception? inner = null) =>
        new(StorageProblem.Text, path, inner) { Name = StoredModel.NotePrefix + key, Expected = expected, Found = found };

    [JsonSerializable(typeof(string[]))]
    private sealed partial class NamesJson : JsonSerializerContext;
}
