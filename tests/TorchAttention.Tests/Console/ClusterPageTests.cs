using System.Globalization;
using System.Text.Json;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Tests.Cluster;
using TorchAttention.Tests.Server;

namespace TorchAttention.Tests.Console;

/// <summary>The page of a member: its curve is that of all rows, wherever they lie.</summary>
public sealed class ClusterPageTests : IDisposable
{
    private readonly DealtCluster _silos = new();
    private ServerProcess? _server;

    public void Dispose()
    {
        _server?.Dispose();
        _silos.Dispose();
    }

    [Theory]
    [InlineData("gaussian", 0)]
    [InlineData("gaussian", 1)]
    [InlineData("epanechnikov", 0)]
    public async Task OneFeature_IsTheFitOfAllRows(string kernelName, int degree)
    {
        JsonElement page = await StartAsync("a");
        JsonElement curve = page.GetProperty("curves")[0];
        SmoothingKernel kernel = SmoothingKernel.Find(kernelName)!;
        double[] places = Numbers(curve.GetProperty("places")[0]);
        KernelRegression fitted = FitRows(["a"], new KernelRegressionOptions
        {
            Kernel = kernel,
            Degree = degree,
            Ridge = degree == 0 ? null : 0,
            Bandwidth = Bandwidth.Fixed(0.4),
        });
        JsonElement answer = await AskAsync("curve", Settings(kernelName, degree, "0.4"));

        Assert.Equal(4000, curve.GetProperty("rows").GetInt32());
        Assert.True(curve.GetProperty("isOfShards").GetBoolean());
        AssertNear(fitted.Predict(places).Mean, Numbers(answer.GetProperty("mean")));
        bool hasMoments = kernel == SmoothingKernel.Gaussian;
        JsonElement search = await AskAsync("search", Settings(kernelName, degree, "0.4"));
        Assert.Equal(hasMoments ? 41 : 0, search.GetProperty("h").GetArrayLength());
        Assert.Equal(hasMoments ? places.Length : 0, answer.GetProperty("upper").GetArrayLength());
        if (hasMoments)
        {
            AssertNear([Math.Sqrt(fitted.Diagnostics.LeaveOneOutError)], [answer.GetProperty("error").GetDouble()]);
            int middle = 20;
            double h = search.GetProperty("h")[middle].GetDouble();
            double error = FitRows(["a"], fitted.Options with { Bandwidth = Bandwidth.Fixed(h) }).Diagnostics.LeaveOneOutError;
            AssertNear([Math.Sqrt(error)], [search.GetProperty("error")[middle].GetDouble()]);
        }
    }

    [Fact]
    public async Task OneFeature_BeginsWithTheBandwidthOfAllRows()
    {
        JsonElement curve = (await StartAsync("a")).GetProperty("curves")[0];
        KernelRegression fitted = FitRows(["a"], new KernelRegressionOptions { Degree = 0 });
        Assert.Equal(fitted.Bandwidths[0], curve.GetProperty("h")[0].GetDouble(), 1e-4 * fitted.Bandwidths[0]);
    }

    [Fact]
    public async Task SeveralFeatures_AreTheFitOfAllRows()
    {
        JsonElement curve = (await StartAsync("a,b")).GetProperty("curves")[0];
        double[] places = Numbers(curve.GetProperty("places")[1]);
        KernelRegression fitted = FitRows(["a", "b"], new KernelRegressionOptions { Degree = 0, Bandwidth = Bandwidth.Fixed(0.4, 0.6) });
        JsonElement answer = await AskAsync("curve", Settings("gaussian", 0, "0.4, 0.6", "5, 0", feature: 1));

        AssertNear(fitted.Predict([.. places.SelectMany(b => (double[])[5, b])]).Mean, Numbers(answer.GetProperty("mean")));
        Assert.Equal(0, answer.GetProperty("upper").GetArrayLength());
        JsonElement search = await AskAsync("search", Settings("gaussian", 0, "0.4, 0.6", "5, 0", feature: 1));
        Assert.Equal(0, search.GetProperty("h").GetArrayLength());
    }

    [Theory]
    [InlineData("curve", 2, "[]", "Expected the degree 0 or 1, got 2.")]
    [InlineData("curve", 0, "[3]", "Expected all rows of the shards, got 1 left out.")]
    [InlineData("search", 0, "[3]", "Expected all rows of the shards, got 1 left out.")]
    [InlineData("model", 0, "[]", "Expected a model in memory to save, got shards: fit --shards makes one of them.")]
    public async Task WhatNeedsAllRowsHere_IsOneLine(string what, int degree, string removed, string expected)
    {
        await StartAsync("a,b");
        string asked = Settings("gaussian", degree, "0.4, 0.6", "5, 0").Replace("[]", removed, StringComparison.Ordinal);
        (int status, string text) = await _server!.Post($"/page/shards/{what}", asked);
        Assert.Equal((400, expected), (status, JsonDocument.Parse(text).RootElement.GetProperty("error").GetString()));
    }

    [Fact]
    public async Task RowsAtOnePlace_HaveNoPage()
    {
        Serve("a,b\n2,1\n2,3\n2,4\n", "a", "b");
        (int status, string text) = await _server!.Get("/page/shards");
        Assert.Equal((404, "'shards' has no page: Expected numbers that vary in feature 0, got 2 everywhere. "
            + "Its predictions are at /v1/models/shards/predict"), (status, text.Trim()));
    }

    [Theory]
    [InlineData("1e-301")]
    [InlineData("1e301")]
    public async Task BandwidthBeyondAnyReach_IsOneLine(string h)
    {
        await StartAsync("a,b");
        (int status, string text) = await _server!.Post("/page/shards/curve", Settings("gaussian", 0, $"0.4, {h}", "5, 0"));
        Assert.Equal(400, status);
        Assert.Contains("Expected a bandwidth from 1E-300 to 1E+300", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BandwidthsFarNarrowerThanPlaces_HaveTheErrorOfAllRowsOrNone()
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 3000).Select(_ => (double)random.Next(21))];
        double[] y = [.. x.Select(at => Math.Sin(at / 2) + random.NextDouble())];
        Serve("a,b\n" + string.Concat(x.Zip(y, (a, b) => string.Create(CultureInfo.InvariantCulture, $"{a},{b:R}\n"))), "a", "b");
        JsonElement search = await AskAsync("search", Settings("gaussian", 0, "0.4"));
        double[] found = Numbers(search.GetProperty("error"));
        double[] widths = Numbers(search.GetProperty("h"));
        for (int i = 0; i < widths.Length; i++)
        {
            var options = new KernelRegressionOptions { Degree = 0, Bandwidth = Bandwidth.Fixed(widths[i]) };
            double error = Math.Sqrt(KernelRegression.Fit(x, y, 1, options).Diagnostics.LeaveOneOutError);
            Assert.True(double.IsNaN(found[i]) || Math.Abs(found[i] - error) <= 0.01 * error, $"{widths[i]}: {found[i]}, not {error}");
        }

        Assert.InRange(found.Count(double.IsNaN), 0, 10);
    }

    private void Serve(string rows, string x, string y)
    {
        _silos.Console.Write("own.csv", rows);
        Serve("own.csv", x, y, "4");
    }

    private void Serve(string file, string x, string y, string shards)
    {
        _silos.Run("shard", file, "--x", x, "--y", y, "--out", "of-page", "--shards", shards, "--quiet");
        _server = new ServerProcess(
            _silos.Console.Folder, ["--shards", "of-page/manifest.json", "--cluster", $"local={SiloProcesses.FreePort()}"]);
    }

    private async Task<JsonElement> StartAsync(string x)
    {
        Serve("rows.csv", x, "c", "4");
        (int status, string html) = await _server!.Get("/page/shards");
        Assert.Equal(200, status);
        const string begin = "<script type=\"application/json\" id=\"live-data\">";
        int first = html.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        return JsonDocument.Parse(html[first..html.IndexOf("</script>", first, StringComparison.Ordinal)]).RootElement;
    }

    private async Task<JsonElement> AskAsync(string what, string settings)
    {
        (int status, string text) = await _server!.Post($"/page/shards/{what}", settings);
        Assert.Equal((200, text), (status, text));
        return JsonDocument.Parse(text).RootElement;
    }

    private KernelRegression FitRows(string[] x, KernelRegressionOptions options)
    {
        double[][] rows = [.. _silos.Console.ReadLines("rows.csv").Skip(1).Select(
            line => line.Split(',').Select(cell => double.Parse(cell, CultureInfo.InvariantCulture)).ToArray())];
        return KernelRegression.Fit(
            [.. rows.SelectMany(row => row.Take(x.Length))], [.. rows.Select(row => row[2])], x.Length, options);
    }

    private static string Settings(string kernel, int degree, string h, string slice = "0", int feature = 0) =>
        $$"""
        {"curve": 0, "kernel": "{{kernel}}", "degree": {{degree}}, "h": [{{h}}], "feature": {{feature}}, "slice": [{{slice}}],
         "removed": [], "exact": true, "new": true}
        """;

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(
        item => item.ValueKind == JsonValueKind.Null ? double.NaN : item.GetDouble())];

    private static void AssertNear(double[] expected, double[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], found[i], 1e-9 * Math.Max(1, Math.Abs(expected[i])));
        }
    }
}
