using System.Text.Json;

namespace TorchAttention.Tests.Golden;

/// <summary>A case of attention recorded from PyTorch: see Golden/attention/README.md.</summary>
internal sealed class GoldenAttention
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Golden", "attention");
    private readonly JsonElement _json;

    public GoldenAttention(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, name + ".json")));
        _json = document.RootElement.Clone();
    }

    public static IEnumerable<string> Names(string start) =>
        Directory.GetFiles(_folder, start + "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order();

    public IEnumerable<string> Gradients => _json.GetProperty("gradients").EnumerateObject().Select(one => one.Name);

    public bool Has(string option) => Option(option) is not null;

    public bool Flag(string option) => Option(option) is { ValueKind: JsonValueKind.True };

    public double? Number(string option) => Option(option) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    /// <summary>A tensor of a part ("inputs", "outputs", "gradients"); null where there is none.</summary>
    public Tensor? Read(string part, string name)
    {
        if (!_json.GetProperty(part).TryGetProperty(name, out JsonElement recorded))
        {
            return null;
        }

        long[] shape = [.. recorded.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64())];
        JsonElement.ArrayEnumerator data = recorded.GetProperty("data").EnumerateArray();
        return recorded.GetProperty("dtype").GetString() switch
        {
            "bool" => tensor(data.Select(one => one.GetBoolean()).ToArray(), shape, ScalarType.Bool),
            "float64" => tensor(data.Select(Parse).ToArray(), shape, ScalarType.Float64),
            "float32" => tensor(data.Select(Parse).ToArray(), shape, ScalarType.Float32),
            "float16" => tensor(data.Select(Parse).ToArray(), shape, ScalarType.Float16),
            "bfloat16" => tensor(data.Select(Parse).ToArray(), shape, ScalarType.BFloat16),
            string other => throw new NotSupportedException(other),
            null => throw new NotSupportedException(name),
        };
    }

    public Tensor? Input(string name) => Read("inputs", name);

    /// <summary>Compares within the case's tolerance, but for NaN, and says how many these are.</summary>
    public int AssertNear(string part, string name, Tensor? actual)
    {
        using Tensor? recorded = Read(part, name);
        Assert.Equal(recorded is null, actual is null);
        if (recorded is null)
        {
            return 0;
        }

        Assert.Equal(recorded.shape, actual!.shape);
        double[] expected = recorded.ToDoubles();
        double[] numbers = actual.ToDoubles();
        double range = expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(1).Max();
        double allowed = Allowed(range);
        int unknown = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (double.IsNaN(expected[i]))
            {
                unknown++;
                Assert.True(double.IsFinite(numbers[i]), $"{name}[{i}] is {numbers[i]}");
                continue;
            }

            bool isNear = expected[i].Equals(numbers[i]) || Math.Abs(expected[i] - numbers[i]) <= allowed;
            Assert.True(isNear, $"{part} {name}[{i}]: expected {expected[i]:R}, got {numbers[i]:R}, off by more than {allowed:G2}");
        }

        return unknown;
    }

    private double Allowed(double range)
    {
        JsonElement tolerance = _json.GetProperty("tolerance");
        return tolerance.TryGetProperty("absolute", out JsonElement absolute)
            ? absolute.GetDouble()
            : range * tolerance.GetProperty(tolerance.TryGetProperty("relative", out _) ? "relative" : "relative_to_range").GetDouble();
    }

    private JsonElement? Option(string name) =>
        _json.GetProperty("options").TryGetProperty(name, out JsonElement value) ? value : null;

    private static double Parse(JsonElement number) => number.ValueKind == JsonValueKind.String
        ? double.Parse(number.GetString()!, System.Globalization.CultureInfo.InvariantCulture)
        : number.GetDouble();
}
