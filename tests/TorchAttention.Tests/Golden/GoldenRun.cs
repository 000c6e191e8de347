using System.Text.Json;

namespace TorchAttention.Tests.Golden;

/// <summary>A training recorded from PyTorch: how it was set up, and what came out.</summary>
public sealed class GoldenRun
{
    private readonly JsonElement _json;

    private GoldenRun(JsonElement json)
    {
        _json = json;
    }

    public int N => _json.GetProperty("n").GetInt32();

    public int BatchSize => _json.GetProperty("batch_size").GetInt32();

    public int Epochs => _json.GetProperty("epochs").GetInt32();

    public double NoiseStd => _json.GetProperty("noise_std").GetDouble();

    public double Lr => _json.GetProperty("lr").GetDouble();

    public ulong Seed => _json.GetProperty("seed").GetUInt64();

    public bool LeaveOneOut => _json.TryGetProperty("leave_one_out", out JsonElement value) && value.GetBoolean();

    public double GradientClipVal => _json.TryGetProperty("gradient_clip_val", out JsonElement value) ? value.GetDouble() : 0;

    public static IEnumerable<GoldenRun> Read(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", file)));
        return [.. document.RootElement.EnumerateArray().Select(run => new GoldenRun(run.Clone()))];
    }

    public double Number(string name) => _json.GetProperty(name).GetDouble();

    public double[] Numbers(string name) => [.. _json.GetProperty(name).EnumerateArray().Select(element => element.GetDouble())];

    public double[] Flat(string name) =>
        [.. _json.GetProperty(name).EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(element => element.GetDouble())];

    public override string ToString() =>
        $"n {N}, batch {BatchSize}, epochs {Epochs}, noise {NoiseStd}, lr {Lr}, seed {Seed}, leave one out {LeaveOneOut}, clip "
            + $"{GradientClipVal}";
}
