using Microsoft.Playwright;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Live;

/// <summary>The page that <c>fit --report</c> writes, opened from disk in a real browser, which fits by itself.</summary>
public sealed class ReportPageTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData("mcycle", "--degree", "0")]
    [InlineData("mcycle")]
    [LongData("mcycle", "--degree", "1", "--kernel", "tricube")]
    [LongData("mcycle", "--degree", "3", "--kernel", "epanechnikov")]
    [LongData("mcycle", "--bandwidth", "nn=0.3")]
    [LongData("weighted.csv", "--x", "x", "--y", "y", "--weights", "w", "--degree", "2")]
    [LongData("weighted.csv", "--x", "x", "--y", "y", "--degree", "2", "--period", "x=12")]
    public async Task Browser_FitsAsTheLibraryDoes(params string[] fit)
    {
        WriteWeighted();
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report(fit));
        (KernelRegression model, _) = KernelRegression.Load(_console.PathOf("run/model.safetensors"));

        await AgreeAsync(page, model, hasBand: true);

        // Another bandwidth, typed as a person would.
        double h = model.Bandwidths[0] * (model.Options.Bandwidth.IsShare ? 1.2 : 0.7);
        await page.FillAsync("#live-width-0-number", h.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        await page.PressAsync("#live-width-0-number", "Enter");
        var other = KernelRegression.Fit(model.Keys, model.Values, 1, model.Options with
        {
            Bandwidth = model.Options.Bandwidth.IsShare ? Bandwidth.Nearest(h) : Bandwidth.Fixed(h),
        }, model.Weights);
        await AgreeAsync(page, other, hasBand: false);
        if (model.Options.Periods.Count == 0)
        {
            await Browser.UntilAsync(page, "Number.isFinite(live.answer.error)");
            double error = await page.EvaluateAsync<double>("live.answer.error");
            Assert.Equal(1, error / Math.Sqrt(other.Diagnostics.LeaveOneOutError), 1e-9);
        }

        Assert.Empty(troubles);
    }

    [Fact]
    public async Task Keyboard_ReachesEveryControl()
    {
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report("mcycle"));
        string[] controls = await page.EvaluateAsync<string[]>(
            "[...document.querySelectorAll('#live-controls :is(select, input, button)')].filter(e => e.checkVisibility() && !e.disabled)"
                + ".map(e => e.id)");
        Assert.Equal(13, controls.Length);
        await page.FocusAsync($"#{controls[0]}");
        var reached = new List<string>();
        for (int i = 0; i < controls.Length; i++)
        {
            reached.Add(await page.EvaluateAsync<string>("document.activeElement.id"));
            await page.Keyboard.PressAsync("Tab");
        }

        Assert.Equal(controls, reached);
        Assert.All(
            await page.EvaluateAsync<string[]>(
                "[...document.querySelectorAll('#live-controls :is(select, input)')].map(e => (e.getAttribute('aria-label') "
                    + "|| e.closest('label').textContent).trim())"),
            label => Assert.NotEqual("", label));

        double before = (await Browser.NumbersAsync(page, "live.h"))[0];
        await page.FocusAsync("#live-width-0");
        await page.Keyboard.PressAsync("ArrowRight");
        Assert.InRange((await Browser.NumbersAsync(page, "live.h"))[0], before * 1.0001, before * 1.1);

        await page.FocusAsync("#live-remove");
        await page.Keyboard.PressAsync("Enter");
        await Browser.UntilAsync(page, "document.getElementById('live-say').textContent.includes('1 left out')");
        await page.FocusAsync("#live-back");
        await page.Keyboard.PressAsync("Space");
        await Browser.UntilAsync(page, "!document.getElementById('live-say').textContent.includes('left out')");

        await page.FocusAsync("#live-copy-command");
        await page.Keyboard.PressAsync("Enter");
        Assert.StartsWith(
            "kernelfit fit mcycle --x times --y accel --kernel gaussian --degree 2 --ridge 0.25 --bandwidth 2.5",
            await page.TextContentAsync("#live-copied"), StringComparison.Ordinal);
        Assert.Empty(troubles);
    }

    [Fact]
    public async Task RowThatIsClickedAway_IsInNoFit()
    {
        await using Browser browser = await Browser.StartAsync();
        (IPage page, _) = await browser.OpenAsync(Report("mcycle"));
        (KernelRegression model, _) = KernelRegression.Load(_console.PathOf("run/model.safetensors"));
        await page.ClickAsync("#live-remove");
        double query = 2.4 + (0.4 * (57.6 - 2.4));
        int removed = Enumerable.Range(0, model.Count).MinBy(i => Math.Abs(model.Keys[i] - query));
        int[] left = [.. Enumerable.Range(0, model.Count).Where(i => i != removed)];
        var without = KernelRegression.Fit(
            Array.ConvertAll(left, i => model.Keys[i]), Array.ConvertAll(left, i => model.Values[i]), model.Options);
        await AgreeAsync(page, without, hasBand: false);
    }

    [Fact]
    public async Task Training_EndsWhereTheLeaveOneOutErrorIsLeast()
    {
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report("mcycle", "--degree", "0"));
        (KernelRegression model, _) = KernelRegression.Load(_console.PathOf("run/model.safetensors"));
        for (int i = 0; i < 120; i++)
        {
            await page.ClickAsync("#live-step");
        }

        Assert.Equal(1, (await Browser.NumbersAsync(page, "live.h"))[0] / model.Bandwidths[0], 0.02);
        await page.ClickAsync("#live-play");
        await Browser.UntilAsync(page, "document.getElementById('live-say').textContent.includes('after 5 steps')");
        await page.ClickAsync("#live-play");
        Assert.Empty(troubles);
    }

    [Theory]
    [InlineData(1200, ColorScheme.Dark)]
    [InlineData(360, ColorScheme.Light)]
    public async Task Page_FitsTheScreenInBothThemes(int width, ColorScheme scheme)
    {
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report("mcycle"), width, scheme);
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        string ink = await page.EvaluateAsync<string>("getComputedStyle(document.documentElement).getPropertyValue('--ink')");
        Assert.Equal(scheme == ColorScheme.Dark ? "#e6edf3" : "#1f2328", ink);
        byte[] picture = await page.Locator("#live-plot canvas").ScreenshotAsync();
        Assert.InRange(picture.Length, 5_000, 500_000);
        Assert.Empty(troubles);
    }

    [Theory]
    [InlineData("rows.csv", "--x", "x", "--y", "y", "--by", "<i>shop</i>")]
    [LongData("rows.csv", "--x", "x,y", "--y", "<i>shop</i>", "--classes")]
    [LongData("rows.csv", "--x", "x,y", "--y", "z")]
    [LongData("rows.csv", "--x", "day", "--y", "y")]
    public async Task EveryKindOfFit_Moves(params string[] fit)
    {
        _console.Write("rows.csv", "x,y,z,day,<i>shop</i>\n" + string.Join('\n', Enumerable.Range(0, 120).Select(
            i => FormattableString.Invariant(
                $"{i % 37},{Math.Sin(i)},{i % 7},2024-0{1 + (i % 9)}-{10 + (i % 19)},\"</script><b>{i % 3}</b>\""))) + "\n");
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report(fit));
        int bold = await page.EvaluateAsync<int>("document.querySelectorAll('#live :is(b, i)').length");
        Assert.Equal(0, bold);
        double[] before = await Browser.NumbersAsync(page, "live.answer.mean");
        await page.FocusAsync("#live-width-0");
        for (int i = 0; i < 20; i++)
        {
            await page.Keyboard.PressAsync("ArrowLeft");
        }

        Assert.NotEqual(before, await Browser.NumbersAsync(page, "live.answer.mean"));
        if (await page.Locator("#live-curve-choice").IsVisibleAsync())
        {
            await page.SelectOptionAsync("#live-curve-choice", new SelectOptionValue { Index = 1 });
        }

        if (await page.Locator("#live-feature").IsVisibleAsync())
        {
            await page.SelectOptionAsync("#live-feature", new SelectOptionValue { Index = 1 });
        }

        Assert.All(await Browser.NumbersAsync(page, "live.answer.mean"), mean => Assert.True(double.IsFinite(mean)));
        Assert.Empty(troubles);
    }

    [Fact]
    public async Task ManyGroups_AreTheLargest()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 60).SelectMany(g => Enumerable.Range(0, 5 + g).Select(
            i => FormattableString.Invariant($"{i},{Math.Sin(i) + g},s{g}")));
        _console.Write("groups.csv", $"x,y,shop\n{string.Join('\n', rows)}\n");
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report("groups.csv", "--x", "x", "--y", "y", "--by", "shop"));
        Assert.StartsWith("shop s59: 64 rows", await page.TextContentAsync("#live-about"), StringComparison.Ordinal);
        Assert.EndsWith("The 50 largest of 60 groups.", await page.TextContentAsync("#live-about"), StringComparison.Ordinal);
        Assert.Equal(50, await page.EvaluateAsync<int>("document.getElementById('live-curve-choice').options.length"));
        Assert.Empty(troubles);
    }

    [Fact]
    public async Task ManyRows_HaveCurvesThatWereComputedBeforehand()
    {
        LongTests.SkipUnlessAskedFor();
        var random = new Random(1);
        _console.Write("many.csv", "x,y\n" + string.Join('\n', Enumerable.Range(0, 40_000).Select(_ =>
        {
            double x = 10 * random.NextDouble();
            return FormattableString.Invariant($"{x},{Math.Sin(x) + random.NextDouble()}");
        })) + "\n");
        await using Browser browser = await Browser.StartAsync();
        (IPage page, List<string> troubles) = await browser.OpenAsync(Report("many.csv"));
        (KernelRegression model, _) = KernelRegression.Load(_console.PathOf("run/model.safetensors"));
        await page.FillAsync("#live-width-0-number", "1");
        await page.PressAsync("#live-width-0-number", "Enter");
        double h = (await Browser.NumbersAsync(page, "live.h"))[0];
        Assert.InRange(h, 0.8, 1.25);
        double[] places = await Browser.NumbersAsync(page, "live.places");
        double[] mean = await Browser.NumbersAsync(page, "live.answer.mean");
        double[] expected = KernelRegression.Fit(model.Keys, model.Values, model.Options with { Bandwidth = h }).Predict(places).Mean;
        Assert.All(expected.Zip(mean), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.InRange(new FileInfo(_console.PathOf("run/report.html")).Length, 300_000, 1_500_000);
        Assert.Empty(troubles);
    }

    [Theory]
    [InlineData("--one-pass")]
    [InlineData("--robust", "3")]
    public void FitWithoutAPageThatMoves_HasItsReport(params string[] options)
    {
        Report(["mcycle", .. options]);
        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        Assert.Contains("<title>run: fit on mcycle</title>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_WithoutItsDataIsSmall()
    {
        Assert.Equal(0, _console.Run("fit", "mcycle", "--out", "run", "--report", "--quiet").ExitCode);
        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        const string begin = "<script type=\"application/json\" id=\"live-data\">";
        int at = page.IndexOf(begin, StringComparison.Ordinal);
        int end = page.IndexOf("</script>", at, StringComparison.Ordinal);
        Assert.InRange(page.Length - (end - at), 60_000, 150_000);
        Assert.DoesNotMatch("""(?:src|href|url\()\s*=?\s*["']?(?:https?:|//)""", page);
    }

    // The address of the report of a fit.
    private string Report(params string[] fit)
    {
        ConsoleProcess.Result result = _console.Run(["fit", .. fit, "--out", "run", "--report", "--quiet", "--no-plots"]);
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), result);
        return $"file://{_console.PathOf("run/report.html")}";
    }

    private static async Task AgreeAsync(IPage page, KernelRegression model, bool hasBand)
    {
        double[] places = await Browser.NumbersAsync(page, "live.places");
        double scale = Enumerable.Range(0, model.Count).Max(i => Math.Abs(model.Values[i]));
        var options = new PredictionOptions { NoNeighbour = NoNeighbourPolicy.NaN };
        Predictions mean = model.Predict(places, options with { Interval = IntervalKind.Mean });
        await SameAsync("mean", mean.Mean);
        if (hasBand)
        {
            Predictions observation = model.Predict(places, options with { Interval = IntervalKind.NewObservation });
            await SameAsync("lower", mean.Lower);
            await SameAsync("upper", mean.Upper);
            await SameAsync("newLower", observation.Lower);
            await SameAsync("newUpper", observation.Upper);
        }

        async Task SameAsync(string name, double[] expected)
        {
            double[] found = await Browser.NumbersAsync(page, $"live.answer.{name}");
            Assert.Equal(expected.Length, found.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(
                    Math.Abs(expected[i] - found[i]) <= 1e-9 * scale || (double.IsNaN(expected[i]) && double.IsNaN(found[i])),
                    $"{name} at {places[i]}: expected {expected[i]}, found {found[i]}");
            }
        }
    }

    private void WriteWeighted()
    {
        var random = new Random(3);
        _console.Write("weighted.csv", "x,y,w\n" + string.Join('\n', Enumerable.Range(0, 90).Select(_ =>
        {
            double x = 12 * random.NextDouble();
            return FormattableString.Invariant($"{x},{Math.Sin(x * Math.PI / 6) + (0.3 * random.NextDouble())},{1 + random.Next(3)}");
        })) + "\n");
    }
}
