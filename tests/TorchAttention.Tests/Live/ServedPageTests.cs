using System.Net;
using System.Net.Http.Json;
using Microsoft.Playwright;
using TorchAttention.Numerics.Regression;
using TorchAttention.Tests.Console;
using TorchAttention.Tests.Server;

namespace TorchAttention.Tests.Live;

/// <summary>The page that <c>serve</c> opens, whose sums are the server's.</summary>
public sealed class ServedPageTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public async Task DraggedBandwidth_DrawsTheLibrarysNumbers()
    {
        await using Browser browser = await Browser.StartAsync();
        using ServerProcess server = Serve("mcycle");
        (IPage page, List<string> troubles) = await browser.OpenAsync(server.Url.ToString());
        await Browser.UntilAsync(page, "live.search.h.length > 0");

        // By hand: from the line that is at the bandwidth to the right.
        await page.Locator("#live-search .u-over").ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = (await page.Locator("#live-search .u-over").BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(box.X + (box.Width / 2), box.Y + (box.Height / 2));
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + (box.Width * 0.6f), box.Y + (box.Height / 2), new MouseMoveOptions { Steps = 5 });
        await page.Mouse.UpAsync();
        double h = (await Browser.NumbersAsync(page, "live.h"))[0];
        Assert.NotEqual(2.5342, h, 0.01);
        await Browser.UntilAsync(page, "document.getElementById('live-say').textContent.includes('error')");
        await Browser.UntilAsync(page, "!live.isAsking");

        (KernelRegression found, double[] x, double[] y) = Mcycle();
        var model = KernelRegression.Fit(x, y, found.Options with { Bandwidth = h });
        double[] places = await Browser.NumbersAsync(page, "live.places");
        Predictions mean = model.Predict(places, new PredictionOptions { Interval = IntervalKind.Mean });
        Predictions observation = model.Predict(places, new PredictionOptions { Interval = IntervalKind.NewObservation });
        foreach ((string name, double[] expected) in new[]
            { ("mean", mean.Mean), ("lower", mean.Lower), ("upper", mean.Upper), ("newLower", observation.Lower) })
        {
            double[] drawn = await Browser.NumbersAsync(page, $"live.answer.{name}");
            Assert.All(expected.Zip(drawn), pair => Assert.Equal(pair.First, pair.Second, 1e-9 * 100));
        }

        Assert.Equal(
            Math.Sqrt(model.Diagnostics.LeaveOneOutError), await page.EvaluateAsync<double>("live.answer.error"), 1e-9);
        Assert.Empty(troubles);
    }

    [Fact]
    public async Task SavedModel_IsTheOneOnThePage()
    {
        await using Browser browser = await Browser.StartAsync();
        using ServerProcess server = Serve("mcycle");
        (IPage page, _) = await browser.OpenAsync(server.Url.ToString());
        await page.SelectOptionAsync("#live-kernel", "tricube");
        await page.SelectOptionAsync("#live-degree", "1");
        await page.FillAsync("#live-width-0-number", "6");
        await page.PressAsync("#live-width-0-number", "Enter");
        IDownload saved = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#live-save-model"));
        (KernelRegression model, IReadOnlyDictionary<string, string> notes) = KernelRegression.Load(await saved.PathAsync());
        Assert.Equal("mcycle.safetensors", saved.SuggestedFilename);
        Assert.Equal(("tricube", 1, 6), (model.Options.Kernel.Name, model.Options.Degree, model.Bandwidths[0]));
        Assert.Equal("[\"times\"]", notes["x"]);
    }

    [Fact]
    public async Task WrongSettings_AreRefusedInALine()
    {
        using ServerProcess server = Serve("mcycle");
        using var client = new HttpClient { BaseAddress = server.Url };
        var right = new Dictionary<string, object>
        {
            ["curve"] = 0,
            ["kernel"] = "gaussian",
            ["degree"] = 1,
            ["h"] = new[] { 2.0 },
            ["feature"] = 0,
            ["slice"] = new[] { 0.0 },
            ["removed"] = Array.Empty<int>(),
        };
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(right)).StatusCode);
        (string Key, object Value, string Says)[] wrong =
        [
            ("curve", 1, "expected a curve from 0 to 0, got 1"), ("kernel", "cosine", "kernel: expected a kernel, got 'cosine'"),
            ("degree", 4, "degree: expected 0 to 3, got 4"), ("h", new[] { -1.0 }, "h: expected 1 positive numbers, got -1"),
            ("h", new[] { 1.0, 2 }, "h: expected 1 positive numbers, got 1, 2"),
            ("removed", new[] { 133 }, "removed: expected rows from 0"),
            ("slice", "no", "slice: expected a JSON array, got none"), ("feature", 0.5, "feature: expected a whole number, got 0.5"),
        ];
        foreach ((string key, object value, string says) in wrong)
        {
            HttpResponseMessage answer = await AskAsync(new Dictionary<string, object>(right) { [key] = value });
            string text = await answer.Content.ReadAsStringAsync();
            Assert.InRange((int)answer.StatusCode, 400, 404);
            Assert.Contains(says, text, StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("page/none")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.PostAsync(
            "page/mcycle/curve", new StringContent("{", System.Text.Encoding.UTF8, "application/json"))).StatusCode);
        Assert.Equal(
            HttpStatusCode.UnsupportedMediaType, (await client.PostAsync("page/mcycle/curve", new StringContent("{}"))).StatusCode);

        async Task<HttpResponseMessage> AskAsync(Dictionary<string, object> settings)
        {
            var content = JsonContent.Create(settings);
            await content.LoadIntoBufferAsync();
            return await client.PostAsync("page/mcycle/curve", content);
        }
    }

    [Fact]
    public void ServeWithoutAModelOrWithBoth_IsRefused()
    {
        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: serve: expected either --model or --data, got neither\n"), _console.Run("serve"));
        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: serve: expected either --model or --data, got both\n"),
            _console.Run("serve", "mcycle", "--model", "a.safetensors"));
    }

    private static (KernelRegression Model, double[] X, double[] Y) Mcycle()
    {
        string[][] rows = [.. File.ReadLines(
            Path.Combine(ConsoleProcess.Repository, "src/TorchAttention.Numerics/Tables/Data/mcycle.csv"))
            .Where(line => line.Length > 0 && line[0] != '#').Skip(1).Select(line => line.Split(','))];
        double number(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        (double[] x, double[] y) = ([.. rows.Select(row => number(row[0]))], [.. rows.Select(row => number(row[1]))]);
        return (KernelRegression.Fit(x, y, new KernelRegressionOptions { Degrees = [1, 2] }), x, y);
    }

    private ServerProcess Serve(params string[] arguments) => new(_console.Folder, arguments);
}
