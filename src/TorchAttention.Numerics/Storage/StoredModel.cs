using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchAttention.Numerics.Storage;

/// <summary>A model's file with its format, version and kind checked; what it needs is there or an error says that it is not.</summary>
internal sealed class StoredModel
{
    /// <summary>What every file says under <c>format</c>.</summary>
    public const string Format = "torchattention";

    /// <summary>What the names of notes begin with.</summary>
    public const string NotePrefix = "note.";

    /// <summary>What is wrong with tensors of which one says something else than another.</summary>
    public const string UnlikeShapes = "the shapes of its tensors do not fit each other";

    private readonly string _path;
    private readonly SafeTensorsFile _file;

    /// <summary>Checks what kind of file it is.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <param name="model">The model expected.</param>
    /// <param name="version">The last version that is known.</param>
    /// <exception cref="StorageException">It is of another format or model, or of a later version.</exception>
    public StoredModel(string path, SafeTensorsFile file, string model, int version)
    {
        ArgumentNullException.ThrowIfNull(file);
        _path = path;
        _file = file;
        if (!file.Metadata.TryGetValue("format", out string? found) || found != Format)
        {
            throw new StorageException(StorageProblem.OtherFormat, path)
            {
                Expected = "a model that was saved by TorchAttention",
                Found = "a safetensors file of another kind",
            };
        }

        if (Text("model") != model)
        {
            throw new StorageException(StorageProblem.OtherModel, path)
            {
                Expected = $"a model of the kind '{model}'",
                Found = Text("model"),
            };
        }

        if (!int.TryParse(Text("version"), NumberStyles.None, CultureInfo.InvariantCulture, out int actual) || actual < 1)
        {
            throw Unknown("version");
        }

        if (actual > version)
        {
            throw new StorageException(StorageProblem.LaterVersion, path)
            {
                Expected = $"a file of version {version} or before",
                Found = $"version {actual}: it was saved by a later TorchAttention",
            };
        }
    }

    /// <summary>Numbers of float64 with a number of sides.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="sides">How many sides its shape has.</param>
    /// <exception cref="StorageException">There is none such.</exception>
    public double[] Doubles(string name, int sides) => Tensor(name, "F64", sides).ToDoubles();

    /// <summary>The same, of a tensor that a file need not have.</summary>
    /// <inheritdoc cref="Doubles"/>
    public double[] DoublesIfAny(string name, int sides) => HasTensor(name) ? Doubles(name, sides) : [];

    /// <summary>The same where they lie, on a machine whose order of bytes is the file's.</summary>
    /// <inheritdoc cref="Doubles"/>
    public ReadOnlySpan<double> View(string name, int sides) => BitConverter.IsLittleEndian
        ? MemoryMarshal.Cast<byte, double>(Tensor(name, "F64", sides).Bytes)
        : Doubles(name, sides);

    /// <summary>Numbers of float64, of float32 or of int64 with a number of sides.</summary>
    /// <inheritdoc cref="Doubles"/>
    public double[] Numbers(string name, int sides) => (_file.Tensors.TryGetValue(name, out SafeTensor? tensor) ? tensor.DataType : "")
        switch
    {
        "F64" => Doubles(name, sides),
        "I64" => [.. Longs(name, sides).Select(number => (double)number)],
        _ => [.. Tensor(name, "F32", sides).ToFloats().Select(number => (double)number)],
    };

    /// <summary>Numbers of int64 with a number of sides.</summary>
    /// <inheritdoc cref="Doubles"/>
    public long[] Longs(string name, int sides) => Tensor(name, "I64", sides).ToLongs();

    /// <summary>A whole number of the header.</summary>
    /// <param name="name">The name.</param>
    /// <param name="least">The least that is taken.</param>
    /// <param name="most">The largest that is taken.</param>
    /// <exception cref="StorageException">There is none such.</exception>
    public int Whole(string name, int least, int most) =>
        int.TryParse(Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            && number >= least && number <= most
            ? number
            : throw Unexpected(name, $"a whole number from {least} to {most}");

    /// <summary>Text by its name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="StorageException">There is none.</exception>
    public string Text(string name) =>
        _file.Metadata.TryGetValue(name, out string? text) ? text : throw new StorageException(StorageProblem.Text, _path) { Name = name };

    /// <summary>Whether the header has a text.</summary>
    public bool Has(string name) => _file.Metadata.ContainsKey(name);

    /// <summary>Whether there is a tensor of a name.</summary>
    public bool HasTensor(string name) => _file.Tensors.ContainsKey(name);

    /// <summary>A list of texts as one, which <see cref="Strings"/> takes apart.</summary>
    public static string Text(IReadOnlyList<string> texts) => JsonSerializer.Serialize([.. texts], StorageJson.Default.StringArray);

    /// <summary>A list of texts.</summary>
    /// <inheritdoc cref="Text(string)"/>
    public string[] Strings(string name)
    {
        try
        {
            string[] texts = JsonSerializer.Deserialize(Text(name), StorageJson.Default.StringArray) ?? [];
            return texts.All(text => text is not null) ? texts : throw Unknown(name);
        }
        catch (JsonException)
        {
            throw Unknown(name);
        }
    }

    /// <summary>A name of an enumeration.</summary>
    /// <inheritdoc cref="Text(string)"/>
    public T Name<T>(string name)
        where T : struct, Enum =>
        Enum.GetNames<T>().Contains(Text(name)) ? Enum.Parse<T>(Text(name)) : throw Unknown(name);

    /// <summary>Adds notes to a file's texts, under names of their own.</summary>
    public static void AddNotes(Dictionary<string, string> metadata, IReadOnlyDictionary<string, string>? notes)
    {
        foreach ((string key, string value) in notes ?? new Dictionary<string, string>())
        {
            metadata[NotePrefix + key] = value;
        }
    }

    /// <summary>The notes saved with a model.</summary>
    public static IReadOnlyDictionary<string, string> Notes(SafeTensorsFile file) => file.Metadata
        .Where(pair => pair.Key.StartsWith(NotePrefix, StringComparison.Ordinal)).ToDictionary(
            pair => pair.Key[NotePrefix.Length..], pair => pair.Value);

    /// <summary>The error for text that is none of those known.</summary>
    /// <param name="name">The text's name.</param>
    public StorageException Unknown(string name) => new(StorageProblem.Text, _path)
    {
        Name = name,
        Expected = "a known",
        Found = Text(name),
    };

    /// <summary>The error for text that is none of what was expected.</summary>
    /// <param name="name">The text's name.</param>
    /// <param name="expected">What was expected.</param>
    public StorageException Unexpected(string name, string expected) =>
        new(StorageProblem.Text, _path) { Name = name, Expected = $"{expected} for", Found = Text(name) };

    /// <summary>The error for numbers of which no model can be made.</summary>
    /// <param name="why">What is wrong with them.</param>
    /// <param name="inner">What found it.</param>
    public StorageException Unusable(string why, Exception? inner = null) =>
        new(StorageProblem.Numbers, _path, inner) { Expected = "a model of numbers that can be used", Found = $"others ({why})" };

    private SafeTensor Tensor(string name, string dataType, int sides)
    {
        if (!_file.Tensors.TryGetValue(name, out SafeTensor? tensor))
        {
            throw new StorageException(StorageProblem.Tensor, _path) { Name = name };
        }

        return tensor.DataType == dataType && tensor.Shape.Count == sides
            ? tensor
            : throw new StorageException(StorageProblem.Tensor, _path)
            {
                Name = name,
                Expected = $"of type {dataType} with {sides} sides",
                Found = $"{tensor}",
            };
    }
}

/// <summary>Lists of text as JSON, by code made at compile time.</summary>
[JsonSerializable(typeof(string[]))]
internal sealed partial class StorageJson : JsonSerializerContext;
