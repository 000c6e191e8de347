namespace TorchAttention.Cli.Runs;

/// <summary>A file of a run as it is read back: whatever became of it meanwhile is one clear line.</summary>
internal static class RunFile
{
    private const int LongestText = 1 << 28;

    /// <summary>A file's bytes; null where there is none of the name.</summary>
    /// <param name="file">The file.</param>
    /// <param name="most">The most bytes that it may have.</param>
    /// <exception cref="RunException">It cannot be read.</exception>
    public static byte[]? Read(string file, int most = 0x7fff0000)
    {
        using FileStream? stream = Open(file);
        if (stream is null)
        {
            return null;
        }

        if (stream.Length > most)
        {
            throw RunException.Damaged(file, $"at most {most} bytes", $"{stream.Length}");
        }

        try
        {
            byte[] bytes = new byte[stream.Length];
            return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (IOException e)
        {
            throw new RunException(RunProblem.Unreadable, file, e) { Found = SystemReason.Of(e) };
        }
    }

    /// <summary>Opens a file that may be written to meanwhile; null where there is none of the name.</summary>
    /// <exception cref="RunException">It cannot be read, or is one at which a reader may wait for ever.</exception>
    public static FileStream? Open(string file)
    {
        if (!Path.Exists(file))
        {
            return null;
        }

        if (Directory.Exists(file) || SpecialFile.Is(file))
        {
            throw RunException.Damaged(file, "a file", Directory.Exists(file) ? "a folder" : "a pipe or a device");
        }

        try
        {
            return new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            // Removed meanwhile.
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunException(RunProblem.Unreadable, file, e) { Found = SystemReason.Of(e) };
        }
    }

    /// <summary>An object's values, nested names joined by points; none where there is no file.</summary>
    /// <exception cref="RunException">It cannot be read, or holds no object of JSON.</exception>
    public static IReadOnlyList<RunValue> Values(string file)
    {
        if (Read(file, LongestText) is not byte[] bytes)
        {
            return [];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes.AsMemory(bytes.AsSpan().StartsWith("\ufeff"u8) ? "\ufeff"u8.Length : 0));
            var values = new List<RunValue>();
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw RunException.Damaged(file, "an object of JSON", RunValue.Of("", document.RootElement).Shown);
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

    private static void Flatten(string name, JsonElement element, List<RunValue> values)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            values.Add(RunValue.Of(name, element));
            return;
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            Flatten(name.Length == 0 ? property.Name : $"{name}.{property.Name}", property.Value, values);
        }
    }
}

/// <summary>A value of a run's JSON.</summary>
/// <param name="Key">Its name, nested names joined by points.</param>
/// <param name="Kind">Which kind of value it is; an object only where it is empty of values.</param>
/// <param name="Value">It as text; of a list its items'.</param>
/// <param name="Number">It as a number where it is a finite one.</param>
/// <param name="Texts">Its items where it is a list of texts.</param>
internal sealed record RunValue(string Key, JsonValueKind Kind, string Value, double? Number, IReadOnlyList<string>? Texts)
{
    /// <summary>What it is, for a message.</summary>
    public string Shown => Kind switch
    {
        JsonValueKind.String => $"'{Value}'",
        JsonValueKind.Array => "a list",
        JsonValueKind.Null => "null",
        _ => Value,
    };

    public static RunValue Of(string key, JsonElement element)
    {
        bool isNumber = element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double number) && double.IsFinite(number);
        JsonElement[] items = element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray()] : [];
        bool isTexts = element.ValueKind == JsonValueKind.Array && Array.TrueForAll(items, item => item.ValueKind == JsonValueKind.String);
        return new RunValue(
            key,
            element.ValueKind,
            element.ValueKind == JsonValueKind.Array ? string.Join(' ', items.Select(item => item.ToString())) : element.ToString(),
            isNumber ? element.GetDouble() : null,
            isTexts ? [.. items.Select(item => item.GetString()!)] : null);
    }
}
