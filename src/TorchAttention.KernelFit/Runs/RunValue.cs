using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Runs;

/// <summary>A value of a run's JSON.</summary>
/// <param name="Key">Its name, nested names joined by points.</param>
/// <param name="Kind">Which kind of value it is; an object only where it is empty of values.</param>
/// <param name="Value">It as text; of a list its items', of a list of objects how many there are.</param>
/// <param name="Number">It as a number where it is a finite one.</param>
/// <param name="Texts">Its items where it is a list of texts.</param>
internal sealed record RunValue(string Key, JsonValueKind Kind, string Value, double? Number, IReadOnlyList<string>? Texts)
{
    private const int LongestText = 1 << 28;

    /// <summary>What it is, for a message.</summary>
    public string Shown => Kind switch
    {
        JsonValueKind.String => $"'{Value}'",
        JsonValueKind.Array => "a list",
        JsonValueKind.Null => "null",
        _ => Value,
    };

    public static RunValue Read(string key, JsonElement element)
    {
        bool isNumber = element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double number) && double.IsFinite(number);
        JsonElement[] items = element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray()] : [];
        bool isTexts = element.ValueKind == JsonValueKind.Array && Array.TrueForAll(items, item => item.ValueKind == JsonValueKind.String);
        return new RunValue(
            key,
            element.ValueKind,
            element.ValueKind != JsonValueKind.Array ? element.ToString()
                : items is [{ ValueKind: JsonValueKind.Object }, ..] ? $"{items.Length}"
                : string.Join(' ', items.Select(Text)),
            isNumber ? element.GetDouble() : null,
            isTexts ? [.. items.Select(item => item.GetString()!)] : null);
    }

    /// <summary>An object's values, nested names joined by points; none where there is no file.</summary>
    /// <exception cref="RunException">It cannot be read, or holds no object of JSON.</exception>
    public static IReadOnlyList<RunValue> ReadAll(string file)
    {
        if (RunFile.Read(file, LongestText) is not byte[] bytes)
        {
            return [];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes.AsMemory(bytes.AsSpan().StartsWith("\ufeff"u8) ? "\ufeff"u8.Length : 0));
            var values = new List<RunValue>();
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw RunException.Damaged(file, "an object of JSON", Read("", document.RootElement).Shown);
            }

            Flatten("", document.RootElement, values);
            return values;
        }
        catch (JsonException e)
        {
            string found = $"something else in line {e.LineNumber + 1} at byte {e.BytePositionInLine}";
            throw RunException.Damaged(file, "JSON", found, inner: e);
        }
        catch (InvalidOperationException e)
        {
            // Of text alone it is asked whether it is some: this is half of a surrogate pair, or bytes that are no UTF-8.
            throw RunException.Damaged(file, "text", "a character that is none", inner: e);
        }
    }

    // A list of pairs, as of bounds, in one line whatever way the file is written.
    private static string Text(JsonElement item) =>
        item.ValueKind == JsonValueKind.Array ? $"({string.Join(", ", item.EnumerateArray().Select(Text))})" : item.ToString();

    private static void Flatten(string name, JsonElement element, List<RunValue> values)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            values.Add(Read(name, element));
            return;
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            Flatten(name.Length == 0 ? property.Name : $"{name}.{property.Name}", property.Value, values);
        }
    }
}
