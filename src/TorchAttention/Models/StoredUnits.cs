using System.Text.Json;

namespace TorchAttention.Models;

/// <summary>The units of a model as the text of a file, and back: names as a JSON list, numbers with commas between them.</summary>
internal static class StoredUnits
{
    private const string X = "x";
    private const string XMean = "x_mean";
    private const string XDeviation = "x_deviation";
    private const string Y = "y";
    private const string YMean = "y_mean";
    private const string YDeviation = "y_deviation";

    public static Dictionary<string, string> Texts(ModelUnits units) => new()
    {
        [X] = $"[{string.Join(',', units.X.Select(name => $"\"{JsonEncodedText.Encode(name)}\""))}]",
        [XMean] = Text(units.XScales.Select(scale => scale.Mean)),
        [XDeviation] = Text(units.XScales.Select(scale => scale.Deviation)),
        [Y] = units.Y,
        [YMean] = Text([units.YScale.Mean]),
        [YDeviation] = Text([units.YScale.Deviation]),
    };

    /// <summary>Whether a file has units, or a part of them.</summary>
    public static bool AreIn(SafeTensorsFile file) => new[] { X, XMean, XDeviation, Y, YMean, YDeviation }.Any(file.Metadata.ContainsKey);

    /// <summary>The units of a model.</summary>
    /// <param name="reader">The file.</param>
    /// <param name="features">How many features the model has.</param>
    public static ModelUnits Read(StoredModel reader, int features)
    {
        string[] names = reader.Strings(X);
        if (names.Length != features)
        {
            throw reader.Unexpected(X, $"the names of {features} features");
        }

        double[] means = Numbers(reader, XMean, features);
        double[] deviations = Deviations(reader, XDeviation, features);
        return new ModelUnits
        {
            X = names,
            XScales = [.. means.Zip(deviations, (mean, deviation) => new Standardization(mean, deviation))],
            Y = reader.Text(Y),
            YScale = new Standardization(Numbers(reader, YMean, 1)[0], Deviations(reader, YDeviation, 1)[0]),
        };
    }

    private static string Text(IEnumerable<double> numbers) =>
        string.Join(',', numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)));

    private static double[] Deviations(StoredModel reader, string name, int count)
    {
        double[] deviations = Numbers(reader, name, count);
        return deviations.All(deviation => deviation > 0) ? deviations : throw reader.Unexpected(name, "positive numbers");
    }

    private static double[] Numbers(StoredModel reader, string name, int count)
    {
        double[] numbers = Array.ConvertAll(reader.Text(name).Split(','), Number);
        return numbers.Length == count && numbers.All(double.IsFinite)
            ? numbers
            : throw reader.Unexpected(name, count == 1 ? "a finite number" : $"{count} finite numbers");
    }

    private static double Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : double.NaN;
}
