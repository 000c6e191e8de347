using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TorchAttention.Tests.Console;

/// <summary>What <c>report</c> makes of folders that <c>train</c> wrote.</summary>
public sealed partial class ReportTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Report_HoldsEverythingAndFetchesNothing()
    {
        _console.Train("run", "--model", "region", "--regions", "3", "--epochs", "4");

        Assert.Equal(new ConsoleProcess.Result(0, "run/report.html\n", ""), _console.Run("report", "run"));

        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        Assert.Equal(8, Svgs(page).Length);
        Assert.All(Svgs(page), svg => Assert.StartsWith("<?xml", svg, StringComparison.Ordinal));
        Assert.DoesNotMatch("""(?:src|href|url\()\s*=?\s*["']?(?:https?:|//)""", page);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.All(
            ["<title>run: region on nonlinear</title>", ">finished<", "<dt>w_3</dt>", "<td>nonparametric</td>",
                "<th>regions</th><td>3</td>", "<h2>Configuration</h2>", "region: attention weights",
                "<code>train --out run --quiet --model region --regions 3 --epochs 4</code>"],
            part => Assert.Contains(part, page, StringComparison.Ordinal));
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        Assert.Contains($"<th>w_1</th><td>{summary.RootElement.GetProperty("w_1").GetRawText()}</td>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_EscapesTheUsersNames()
    {
        _console.Write(
            "d.csv", "<script>alert(1)</script>,y & z\n" + string.Join('\n', Enumerable.Range(0, 30).Select(i => $"{i},{i % 5}")) + "\n");
        _console.Train("run", "--data", "d.csv", "--epochs", "2");
        Assert.Equal(0, _console.Run("report", "run", "--out", "page.html").ExitCode);
        string page = File.ReadAllText(_console.PathOf("page.html"));
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
        Assert.False(File.Exists(_console.PathOf("run/report.html")));
    }

    [Fact]
    public void Fit_IsReportedAsOne()
    {
        Assert.Equal(
            0, _console.Run(
            "fit", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--bandwidth", "0.05,3", "--degree", "0", "--quiet", "--out",
            "runs/surface").ExitCode);
        _console.Train("runs/trained", "--epochs", "2", "--no-plots");
        Assert.Equal(0, _console.Run("report", "runs/surface").ExitCode);
        string page = File.ReadAllText(_console.PathOf("runs/surface/report.html"));

        Assert.Contains("<title>surface: fit on ethanol</title>", page, StringComparison.Ordinal);
        Assert.Contains("<dt>bandwidth</dt><dd>0.05, 3</dd>", page, StringComparison.Ordinal);
        Assert.Contains("The fitted surface, and the examples in the colours of their values", page, StringComparison.Ordinal);
        Assert.True(
            page.IndexOf("The fitted surface", StringComparison.Ordinal) < page.IndexOf("What the fit leaves", StringComparison.Ordinal),
            "Expected the fit before its residuals.");
        Assert.DoesNotContain("<h2>Loss</h2>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("epochs", page, StringComparison.Ordinal);
        Assert.Matches(
            @"surface +│ ethanol +│ fit, degree 0 +│ [^│]+ │ +│ +│ [^│]+ │ E 0\.05, C 3 +│ finished", _console.Run("runs", "runs").Output);
        Assert.Matches(@"│ bandwidth of C +│ +3 │ ", _console.Run("runs", "compare", "runs/surface", "runs/trained").Output);
    }

    [Fact]
    public void Pictures_AreInTheOrderOfTheStory()
    {
        _console.Train("run", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--model", "ard", "--epochs", "2");
        Assert.Equal(0, _console.Run("report", "run").ExitCode);
        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        string[] story =
        [
            "average: predictions", "nonparametric: predictions", "nonparametric: attention weights", "ard: predictions",
            "ard: attention weights", "The learned w over the epochs", "Training and validation loss over the epochs",
        ];

        int[] places = Array.ConvertAll(story, caption => page.IndexOf($"<figcaption>{caption}", StringComparison.Ordinal));
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Fact]
    public void Title_IsTheNameOfTheDataAndNoPath()
    {
        _console.Write("my sales.csv", "a,b\n" + string.Join('\n', Enumerable.Range(0, 30).Select(i => $"{i},{i % 5}")) + "\n");
        _console.Train("trained", "--data", "my sales.csv", "--epochs", "2");
        Assert.Equal(0, _console.Run("fit", "--data", "my sales.csv", "--quiet", "--out", "fitted").ExitCode);
        File.Delete(_console.PathOf("fitted/summary.json"));
        foreach ((string run, string title) in ((string, string)[])[("trained", "nw on my sales"), ("fitted", "fit on my sales")])
        {
            Assert.Equal(0, _console.Run("report", run).ExitCode);
            string page = File.ReadAllText(_console.PathOf($"{run}/report.html"));
            Assert.Contains($"<title>{run}: {title}</title>", page, StringComparison.Ordinal);
            Assert.Contains($"<h1>{title} <", page, StringComparison.Ordinal);
            Assert.All(Svgs(page).Skip(1), svg => Assert.DoesNotContain(".csv", svg, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void SameRun_HasPicturesOfTheSameBytes()
    {
        LongTests.SkipUnlessAskedFor();
        foreach (string again in (string[])["1", "2"])
        {
            _console.Train($"trained{again}", "--model", "region", "--epochs", "2");
            string[] iris = ["fit", "--data", "iris", "--y", "Species", "--classes", "--bandwidth", "0.3,0.3", "--quiet"];
            Assert.Equal(0, _console.Run([.. iris, "--x", "Petal.Length,Petal.Width", "--out", $"two{again}"]).ExitCode);
            string[] three = ["--x", "Petal.Length,Petal.Width,Sepal.Length", "--bandwidth", "0.3,0.3,0.5"];
            Assert.Equal(0, _console.Run([.. iris[..6], .. three, "--quiet", "--out", $"three{again}"]).ExitCode);
        }

        foreach ((string run, string[] expected) in (ReadOnlySpan<(string, string[])>)[
            ("trained", ["average", "loss", "nonparametric", "nonparametric-attention", "region", "region-attention", "w", "widths"]),
            ("two", ["probabilities"]), ("three", ["effects"])])
        {
            string[] files = Directory.GetFiles(_console.PathOf($"{run}1/plots"), "*.svg");
            Assert.Equal(expected, files.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
            Assert.All(files, file => Assert.Equal(
                File.ReadAllText(file), File.ReadAllText(_console.PathOf($"{run}2/plots/{Path.GetFileName(file)}"))));
        }
    }

    [Fact]
    public void AxisOfProbabilities_GoesFrom0To1()
    {
        string[] iris = ["fit", "--data", "iris", "--x", "Petal.Length", "--y", "Species", "--classes", "--bandwidth", "3", "--quiet"];
        Assert.Equal(0, _console.Run([.. iris, "--out", "run"]).ExitCode);
        string svg = File.ReadAllText(_console.PathOf("run/plots/probabilities.svg"));
        Assert.SkipUnless(svg.Contains("<text", StringComparison.Ordinal), "No font is installed.");
        string[] texts = [.. XDocument.Parse(svg).Descendants().Where(element => element.Name.LocalName == "text").Select(
            element => element.Value.Trim())];

        Assert.Contains("iris: local constant, gaussian kernel, h = 3, n = 150", texts);
        Assert.All(["0", "0.5", "1", "setosa", "versicolor", "virginica"], text => Assert.Contains(text, texts));
        Assert.DoesNotContain(texts, text => text is "-0.1" or "1.1" or "1.2");
    }

    [Fact]
    public void UnfinishedRun_IsReportedAsFarAsItIs()
    {
        _console.Train("run", "--epochs", "3", "--no-plots");
        File.Delete(_console.PathOf("run/summary.json"));
        File.AppendAllText(_console.PathOf("run/epochs.csv"), "4,0.1");
        Assert.Equal(0, _console.Run("report", "run").ExitCode);
        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        Assert.Contains(">unfinished<", page, StringComparison.Ordinal);
        Assert.Contains("<dd>3 of 3</dd>", page, StringComparison.Ordinal);
        Assert.Contains("The run drew no pictures.", page, StringComparison.Ordinal);
        Assert.Single(Svgs(page));
    }

    [Theory]
    [InlineData("'nothing': no such folder", "report", "nothing")]
    [InlineData("'empty' holds no run: neither config.json nor summary.json is there", "report", "empty")]
    [InlineData("'damaged/epochs.csv' is damaged (row 2: expected 3 numbers, found '1,x,2')", "report", "damaged")]
    [InlineData("'nothing': no such folder; fit and train put their runs into runs unless --out names another", "runs", "nothing")]
    [InlineData("runs compare: expected the folders of two runs or more, got 1", "runs", "compare", "whole")]
    [InlineData("--out: expected a file that ends in .png or .svg, got 'a.gif'", "runs", "compare", "whole", "whole", "--out", "a.gif")]
    [InlineData("--sort: expected one of time, name, loss, got 'size'", "runs", ".", "--sort", "size")]
    public void WrongInput_IsOneLine(string message, params string[] arguments)
    {
        Directory.CreateDirectory(_console.PathOf("empty"));
        foreach (string folder in (string[])["damaged", "whole"])
        {
            Directory.CreateDirectory(_console.PathOf(folder));
            _console.Write($"{folder}/config.json", "{\"command\": \"train\"}");
            _console.Write($"{folder}/epochs.csv", $"epoch,train_loss,val_loss\n{(folder == "whole" ? "1,2,3" : "1,x,2")}\n");
        }

        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((2, $"error: {message}\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public void Report_EscapesWhateverTheFilesHold()
    {
        const string Mark = "<script>alert('&')</script>\u001b\u202e";
        string mark = JsonSerializer.Serialize(Mark);
        string all = $$$"""{"command": "train", "model": {{{mark}}}, "data": {{{mark}}}, "version": {{{mark}}}, "epochs": {{{mark}}}, "device": {{{mark}}}, {{{mark}}}: {{{mark}}}, "arguments": [{{{mark}}}]}""";
        foreach (string run in (string[])["one", "many"])
        {
            Directory.CreateDirectory(_console.PathOf(run));
            _console.Write($"{run}/config.json", run == "one" ? all : $"{all[..^1]}, \"seeds\": 2}}");
            _console.Write($"{run}/summary.json", $$$"""{"w": {{{mark}}}, "epochs": {{{mark}}}, {{{mark}}}: { "mean": {{{mark}}}, "least": {{{mark}}} }, "estimators": { {{{mark}}}: { "val_loss": 1, "val_rmse": {{{mark}}} } } }""");
        }

        Directory.CreateDirectory(_console.PathOf("many/seed-1"));
        _console.Write("many/seed-1/config.json", all);
        foreach (string run in (string[])["one", "many"])
        {
            Assert.Equal(new ConsoleProcess.Result(0, $"{run}/report.html\n", ""), _console.Run("report", run));
            string page = File.ReadAllText(_console.PathOf($"{run}/report.html"));
            Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
            Assert.DoesNotContain(page, c => c is '\u001b' or '\u202e');
            Assert.InRange(page.Split(@"&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\u001b\u202e").Length, 8, 40);
        }
    }

    [Fact]
    public void Seeds_AreReportedWithTheirSpreadAndCurves()
    {
        _console.Train("many", "--epochs", "2", "--seeds", "3", "--no-plots");
        Assert.Equal(0, _console.Run("report", "many").ExitCode);

        string page = File.ReadAllText(_console.PathOf("many/report.html"));
        Assert.Contains("<h2>3 seeds</h2>", page, StringComparison.Ordinal);
        Assert.Matches(@"<tr><td>parametric val loss</td>(<td class=""n"">[\d.E-]+</td>){4}</tr>", page);
        Assert.DoesNotContain("No epoch is done yet", page, StringComparison.Ordinal);
        Assert.Contains("seed-2", Assert.Single(Svgs(page)), StringComparison.Ordinal);
        Assert.Matches("many +│ nonlinear +│ nw +│ [^│]+ │ 3 seeds +│ 0 +│ +│ +│ finished", _console.Run("runs", ".").Output);
    }

    [Fact]
    public void Chromium_ShowsThePageWithoutANetwork()
    {
        LongTests.SkipUnlessAskedFor();
        string? chromium = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(
            folder => Path.Combine(folder, "chromium")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(chromium is null, "There is no chromium on the path.");
        _console.Train("run", "--epochs", "2");
        Assert.Equal(0, _console.Run("report", "run").ExitCode);

        // Every name is unknown, so that whatever the page asked for would be an error in the log; a picture that does not decode has no
        // width.
        string probe = File.ReadAllText(_console.PathOf("run/report.html")).Replace(
            "</body>",
                "<script>addEventListener('load', () => { document.title = [...document.images].every(i => i.complete && i.naturalWidth > "
                + "100) + ' ' + document.images.length + ' ' + (document.documentElement.scrollWidth <= innerWidth);"
                + "Object.assign(document.body.style, { boxSizing: 'border-box', width: '400px' });"
                + "document.title += ' ' + (document.body.scrollWidth <= 400) })</script></body>",
                StringComparison.Ordinal);
        _console.Write("probe.html", probe);
        string[] options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr", "--window-size=500,2000", $"--user-data-dir={_console.PathOf("profile")}"];
        ConsoleProcess.Result shown = _console.Start(
            chromium!, [.. options, "--dump-dom", $"file://{_console.PathOf("probe.html")}"]).Wait();

        Assert.Equal(0, shown.ExitCode);
        Assert.Contains("<title>true 6 true true</title>", shown.Output, StringComparison.Ordinal);
        Assert.Contains("<h2>Results</h2>", shown.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("CONSOLE", shown.Error, StringComparison.Ordinal);
    }

    private static string[] Svgs(string page) =>
        [.. Picture().Matches(page).Select(match => Encoding.UTF8.GetString(Convert.FromBase64String(match.Groups[1].Value)))];

    [GeneratedRegex("src=\"data:image/svg\\+xml;base64,([^\"]+)\"")]
    private static partial Regex Picture();
}
