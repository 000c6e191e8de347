using System.Globalization;
using System.Text.Json;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Engine;

public sealed class DenseAttentionTests
{
    private delegate DenseAnswer[] Pooling(
        ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, ReadOnlySpan<double> values, ReadOnlySpan<double> bandwidths);

    private static readonly Dictionary<string, Pooling> _kernels = new()
    {
        [Gaussian.Name] = DenseAttention.Pool<Gaussian>,
        [Boxcar.Name] = DenseAttention.Pool<Boxcar>,
        [Epanechnikov.Name] = DenseAttention.Pool<Epanechnikov>,
        [Triangular.Name] = DenseAttention.Pool<Triangular>,
        [Biweight.Name] = DenseAttention.Pool<Biweight>,
        [Tricube.Name] = DenseAttention.Pool<Tricube>,
    };

    private static readonly Dictionary<string, Func<PoolingRequest, PoolingOptions, Answers>> _engine = new()
    {
        [Gaussian.Name] = (problem, options) => problem.Pool<Gaussian, double>(options),
        [Boxcar.Name] = (problem, options) => problem.Pool<Boxcar, double>(options),
        [Epanechnikov.Name] = (problem, options) => problem.Pool<Epanechnikov, double>(options),
        [Triangular.Name] = (problem, options) => problem.Pool<Triangular, double>(options),
        [Biweight.Name] = (problem, options) => problem.Pool<Biweight, double>(options),
        [Tricube.Name] = (problem, options) => problem.Pool<Tricube, double>(options),
    };

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, null)]
    [InlineData(0, PoolingMethod.Exact)]
    [InlineData(1, PoolingMethod.Exact)]
    [InlineData(0, PoolingMethod.Line)]
    [InlineData(0, PoolingMethod.Tree)]
    [InlineData(1, PoolingMethod.Tree)]
    public void Regression_IsTheReferences(int dataSet, PoolingMethod? method)
    {
        using JsonDocument document = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "kernel_regression.json")));
        JsonElement golden = document.RootElement[dataSet];
        (double[] keys, double[] values) = Pairs(golden);
        double[] queries = [.. golden.GetProperty("queries").EnumerateArray().SelectMany(query => query.EnumerateArray()).Select(
            number => number.GetDouble())];
        int compared = 0;
        foreach (JsonProperty fit in golden.GetProperty("nadaraya_watson").EnumerateObject())
        {
            string[] name = fit.Name.Split(" h=");
            double[] bandwidths = [.. name[1].Split(',').Select(h => double.Parse(h, CultureInfo.InvariantCulture))];
            var problem = new PoolingRequest { Queries = queries, Keys = keys, Values = values, Bandwidths = bandwidths };
            IEnumerable<double> results = method is null
                ? _kernels[name[0]](queries, keys, values, bandwidths).Select(result => result.Output)
                : _engine[name[0]](problem, new PoolingOptions { Method = method.Value }).Values;
            foreach ((JsonElement expected, double actual) in fit.Value.EnumerateArray().Zip(results))
            {
                Assert.Equal(expected.ValueKind == JsonValueKind.Number, !double.IsNaN(actual));
                if (!double.IsNaN(actual))
                {
                    Assert.Equal(expected.GetDouble(), actual, 1e-11 * Math.Max(1, Math.Abs(actual)));
                    compared++;
                }
            }
        }

        Assert.InRange(compared, 50, 300);
    }

    [Theory]
    [InlineData(0, "gaussian h=1.0", 1.0)]
    [InlineData(0, "gaussian h=2.5", 2.5)]
    [InlineData(1, "gaussian h=0.05,3.0", 0.05, 3.0)]
    public void LeavingOneOut_IsPoolingAllOthers(int dataSet, string name, params double[] bandwidths)
    {
        using JsonDocument document = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "kernel_regression.json")));
        JsonElement golden = document.RootElement[dataSet];
        (double[] keys, double[] values) = Pairs(golden);
        int d = bandwidths.Length;
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double[] others = [.. keys[..(i * d)], .. keys[((i + 1) * d)..]];
            double[] ofOthers = [.. values[..i], .. values[(i + 1)..]];
            DenseAnswer answer = DenseAttention.Pool<Gaussian>(keys.AsSpan(i * d, d), others, ofOthers, bandwidths)[0];
            sum += Math.Pow(values[i] - answer.Output, 2);
        }

        double expected = golden.GetProperty("leave_one_out_mse").GetProperty(name).GetDouble();
        Assert.Equal(1, sum / values.Length / expected, 1e-12);
    }

    [Fact]
    public void FarQuery_GetsItsNearestNeighboursValue()
    {
        DenseAnswer result = DenseAttention.Pool<Gaussian>([1e6], [0, 1, 2], [10, 20, 30], [1])[0];
        Assert.Equal(30, result.Output, 1e-12);
        Assert.Equal(1, result.EffectiveNeighbours, 1e-12);
    }

    [Fact]
    public void NoNeighbourInReach_IsFlagged()
    {
        DenseAnswer[] results = DenseAttention.Pool<Boxcar>([0.5, 3], [0, 1], [10, 20], [1]);
        Assert.Equal([15, double.NaN], results.Select(result => result.Output));
        Assert.Equal([true, false], results.Select(result => result.HasNeighbour));
    }

    [Fact]
    public void WrongLengths_AreRefusedWithTheirNumbers()
    {
        Assert.Contains(
            "got none", Assert.Throws<ArgumentException>(() => DenseAttention.Pool<Gaussian>([1], [1], [1], [])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got 0", Assert.Throws<ArgumentException>(() => DenseAttention.Pool<Gaussian>([1], [1], [1], [0])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "2 features, got 3",
            Assert.Throws<ArgumentException>(() => DenseAttention.Pool<Gaussian>([1, 2, 3], [1, 2], [1], [1, 1])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got 3 numbers", Assert.Throws<ArgumentException>(() => DenseAttention.Pool<Gaussian>([1, 2], [1, 2, 3], [1], [1, 1])).Message,
            StringComparison.Ordinal);
    }

    private static (double[] Keys, double[] Values) Pairs(JsonElement golden)
    {
        string[] features = [.. golden.GetProperty("features").EnumerateArray().Select(feature => feature.GetString()!)];
        string target = golden.GetProperty("target").GetString()!;
        Table table = BuiltInTable.Find(
            Path.GetFileNameWithoutExtension(golden.GetProperty("data").GetString()!))!.Read(_ => [.. features, target]);
        var keys = new double[table.RowCount * features.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = table[i % features.Length][i / features.Length];
        }

        return (keys, table[features.Length].ToArray());
    }
}
