using TorchAttention.Cli.Page;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Server.Guards;

namespace TorchAttention.Server.Pages;

/// <summary>What a page says is set on it.</summary>
/// <param name="root">Its words.</param>
internal sealed class AskedSettings(JsonElement root)
{
    /// <summary>The number of the curve.</summary>
    public int Curve => Whole(Of("curve", JsonValueKind.Number), "curve");

    /// <summary>The settings of a curve.</summary>
    /// <exception cref="RequestException">They are none.</exception>
    public LiveSettings For(LiveCurve curve)
    {
        string kernel = Of("kernel", JsonValueKind.String).GetString()!;
        int degree = Whole(Of("degree", JsonValueKind.Number), "degree");
        int feature = Whole(Of("feature", JsonValueKind.Number), "feature");
        double[] widths = Numbers("h");
        double[] slice = Numbers("slice");
        HashSet<int> removed = [.. Of("removed", JsonValueKind.Array).EnumerateArray().Select(item => Whole(item, "removed"))];
        Expect(degree is >= 0 and <= KernelRegressionOptions.MostDegree, "degree", $"0 to {KernelRegressionOptions.MostDegree}", degree);
        Expect(feature >= 0 && feature < curve.Features, "feature", $"0 to {curve.Features - 1}", feature);
        Expect(widths.Length == curve.Features && Array.TrueForAll(widths, h => h > 0), "h", $"{curve.Features} positive numbers", widths);
        Expect(slice.Length == curve.Features, "slice", $"{curve.Features} numbers", slice);
        Expect(removed.All(i => i >= 0 && i < curve.Count), "removed", $"rows from 0 to {curve.Count - 1}", removed);
        return new LiveSettings(curve)
        {
            Kernel = SmoothingKernel.Find(kernel) ?? throw Wrong("kernel", "a kernel", $"'{PlainText.Brief(kernel)}'"),
            Degree = degree,
            Bandwidths = widths,
            Feature = feature,
            Slice = slice,
            Removed = removed,
            HasNew = IsSo("new"),
            IsExact = IsSo("exact"),
        };
    }

    private bool IsSo(string name) => root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    private double[] Numbers(string name) => [.. Of(name, JsonValueKind.Array).EnumerateArray().Select(
        item => item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out double number) && double.IsFinite(number) ? number
            : throw Wrong(name, "numbers", PlainText.Brief(item.GetRawText())))];

    private JsonElement Of(string name, JsonValueKind kind) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out JsonElement value) && value.ValueKind == kind ? value
            : throw Wrong(name, $"a JSON {kind.ToString().ToLowerInvariant()}", "none");

    private static int Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw Wrong(name, "a whole number", PlainText.Brief(value.GetRawText()));

    private static void Expect<T>(bool isSo, string name, string expected, T found)
    {
        if (!isSo)
        {
            string text = found is System.Collections.IEnumerable list and not string ? string.Join(", ", list.Cast<object>().Take(5))
                : found!.ToString()!;
            throw Wrong(name, expected, text);
        }
    }

    private static RequestException Wrong(string name, string expected, string found) =>
        new(StatusCodes.Status400BadRequest, $"{name}: expected {expected}, got {found}");
}
