using System.Globalization;
using System.Text.Json;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Regression;

/// <summary>Results of statsmodels and of direct sums on the motorcycle and ethanol data, recorded beforehand.</summary>
public sealed class ReferenceTests
{
    private const double Relative = 1e-9;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void NadarayaWatson_IsTheReferences(int dataSet)
    {
        var golden = new Golden(dataSet);
        int compared = 0;
        foreach (JsonProperty fit in golden.Element.GetProperty("nadaraya_watson").EnumerateObject())
        {
            (SmoothingKernel kernel, double[] h) = NameOf(fit.Name);
            Predictions at = golden.Fit(
                new KernelRegressionOptions { Kernel = kernel, Bandwidth = Bandwidth.Fixed(h) }).Predict(golden.Queries);
            foreach ((JsonElement expected, int i) in fit.Value.EnumerateArray().Select((value, i) => (value, i)))
            {
                Assert.Equal(expected.ValueKind == JsonValueKind.Number, at.HasNeighbour[i]);
                Assert.Equal(at.HasNeighbour[i], !double.IsNaN(at.Mean[i]));
                if (at.HasNeighbour[i])
                {
                    AssertRelative(expected.GetDouble(), at.Mean[i]);
                    compared++;
                }
            }
        }

        Assert.InRange(compared, 50, 300);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void LeaveOneOutErrors_AreTheReferences(int dataSet)
    {
        var golden = new Golden(dataSet);
        foreach (JsonProperty error in golden.Element.GetProperty("leave_one_out_mse").EnumerateObject())
        {
            (SmoothingKernel kernel, double[] h) = NameOf(error.Name);
            KernelRegression model = golden.Fit(new KernelRegressionOptions { Kernel = kernel, Bandwidth = Bandwidth.Fixed(h) });
            AssertRelative(error.Value.GetDouble(), model.Diagnostics.LeaveOneOutError);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void LocalLinear_HasTheReferencesHeightsAndSlopes(int dataSet)
    {
        var golden = new Golden(dataSet);
        foreach (JsonProperty fit in golden.Element.GetProperty("local_linear").EnumerateObject())
        {
            (SmoothingKernel kernel, double[] h) = NameOf(fit.Name);
            KernelRegression model = golden.Fit(
                new KernelRegressionOptions { Kernel = kernel, Bandwidth = Bandwidth.Fixed(h), Degree = 1 });
            Predictions at = model.Predict(golden.Queries, new PredictionOptions { HasSlopes = true });
            foreach ((JsonElement expected, int i) in fit.Value.EnumerateArray().Select((value, i) => (value, i)))
            {
                double[] numbers = [.. expected.EnumerateArray().Select(number => number.GetDouble())];
                AssertRelative(numbers[0], at.Mean[i]);
                for (int j = 0; j < golden.Features; j++)
                {
                    AssertRelative(numbers[1 + j], at.Slopes[(i * golden.Features) + j]);
                }
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Statsmodels_HasTheSameFits(int dataSet)
    {
        var golden = new Golden(dataSet);
        IEnumerable<JsonProperty> fits = golden.Element.GetProperty("statsmodels").EnumerateObject();
        foreach (JsonProperty fit in fits.Where(property => property.Name.Contains("h=", StringComparison.Ordinal)))
        {
            string[] name = fit.Name.Split(" h=");
            double[] h = Numbers(name[1]);
            Predictions at = golden.Fit(
                new KernelRegressionOptions { Degree = name[0] == "ll" ? 1 : 0, Bandwidth = Bandwidth.Fixed(h) }).Predict(golden.Queries);
            foreach ((JsonElement expected, int i) in fit.Value.EnumerateArray().Select((value, i) => (value, i)))
            {
                AssertRelative(expected.GetDouble(), at.Mean[i]);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void ChosenBandwidth_IsNoWorseThanStatsmodelsOrTheGrids(int dataSet)
    {
        var golden = new Golden(dataSet);
        KernelRegression model = golden.Fit(new KernelRegressionOptions());
        double statsmodels = golden.Element.GetProperty("statsmodels").GetProperty("cv_ls loo mse").GetDouble();

        Assert.InRange(model.Search!.Score, 0.99 * statsmodels, statsmodels * (1 + 1e-12));
        Assert.Equal(model.Diagnostics.LeaveOneOutError, model.Search.Score, 1e-10 * statsmodels);
        if (golden.Element.TryGetProperty("loo_grid_minimiser", out JsonElement grid))
        {
            Assert.InRange(model.Search.Score, 0, grid.GetProperty("mse").GetDouble());
            Assert.Equal(grid.GetProperty("bandwidth").GetDouble(), model.Bandwidths[0], 1e-3);
        }
    }

    private static (SmoothingKernel Kernel, double[] Bandwidths) NameOf(string name)
    {
        string[] parts = name.Split(" h=");
        return (SmoothingKernel.Find(parts[0])!, Numbers(parts[1]));
    }

    private static double[] Numbers(string list) => [.. list.Split(',').Select(h => double.Parse(h, CultureInfo.InvariantCulture))];

    private static void AssertRelative(double expected, double actual) =>
        Assert.Equal(expected, actual, Relative * Math.Max(1, Math.Abs(expected)));

    private sealed class Golden
    {
        private readonly double[] _x;
        private readonly double[] _y;

        public Golden(int dataSet)
        {
            using var document = JsonDocument.Parse(
                File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "kernel_regression.json")));
            Element = document.RootElement[dataSet].Clone();
            string[] features = [.. Element.GetProperty("features").EnumerateArray().Select(name => name.GetString()!)];
            string name = Path.GetFileNameWithoutExtension(Element.GetProperty("data").GetString()!);
            Table table = BuiltInTable.Find(name)!.Read(_ => [.. features, Element.GetProperty("target").GetString()!]);
            Features = features.Length;
            _x = [.. Enumerable.Range(0, table.RowCount).SelectMany(row => Enumerable.Range(0, Features).Select(j => table[j][row]))];
            _y = table[Features].ToArray();
            Queries = [.. Element.GetProperty("queries").EnumerateArray().SelectMany(query => query.EnumerateArray()).Select(
            number => number.GetDouble())];
        }

        public JsonElement Element { get; }

        public int Features { get; }

        public double[] Queries { get; }

        public KernelRegression Fit(KernelRegressionOptions options) => KernelRegression.Fit(_x, _y, Features, options);
    }
}
