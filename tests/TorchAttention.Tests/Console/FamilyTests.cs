using System.Globalization;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary><c>--family</c>: counts, and yes and no, by local likelihood.</summary>
public sealed class FamilyTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public FamilyTests()
    {
        var random = new Random(4);
        string[] rows = [.. Enumerable.Range(0, 60).Select(i =>
        {
            bool isIll = random.NextDouble() < 1 / (1 + Math.Exp(3 - (i / 10.0)));
            return string.Create(CultureInfo.InvariantCulture, $"{i / 10.0},{(isIll ? "Yes" : "no")},{i % 4}");
        })];
        _console.Write("data.csv", $"x,ill,visits\n{string.Join('\n', rows)}\n");
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void YesAndNo_AreFittedPredictedAndDrawn()
    {
        string[] fit = ["fit", "data.csv", "--x", "x", "--y", "ill", "--family", "binomial", "--out", "run", "--json"];
        using var summary = JsonDocument.Parse(_console.Run(fit).Output);
        JsonElement root = summary.RootElement;
        Assert.Equal(("binomial", "Yes"), (root.GetProperty("family").GetString(), root.GetProperty("yes").GetString()));
        Assert.Equal(2, root.GetProperty("degrees_tried").GetArrayLength());
        double deviance = root.GetProperty("leave_one_out_deviance").GetDouble();
        Assert.Equal(deviance / 2, root.GetProperty("leave_one_out_log_loss").GetDouble(), 1e-12);
        Assert.InRange(root.GetProperty("leave_one_out_brier_score").GetDouble(), 0.01, 0.25);
        Assert.True(File.Exists(_console.PathOf("run/plots/fit.png")));
        Assert.True(File.Exists(_console.PathOf("run/search.csv")));
        Assert.StartsWith("x,ill,fitted,residual\n0,", File.ReadAllText(_console.PathOf("run/fitted.csv")), StringComparison.Ordinal);

        string[] lines = _console.Run("predict", "data.csv", "--model", "run/model.safetensors", "--slopes").Output.Trim().Split('\n');
        Assert.Equal("x,mean,se,lower,upper,slope_x,neighbours,flag", lines[0]);
        Assert.Equal(61, lines.Length);
        Assert.All(lines[1..], line =>
        {
            double[] numbers = [.. line.Split(',')[1..5].Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
            Assert.True(numbers[2] > 0 && numbers[2] < numbers[0] && numbers[0] < numbers[3] && numbers[3] < 1);
        });
        Assert.Contains("60, of which", _console.Run([.. fit[..^3], "--no-plots", "--out", "other"]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_AreFittedAndEvaluated()
    {
        string[] data = ["data.csv", "--x", "x", "--y", "visits", "--family", "poisson", "--degree", "1"];
        Assert.Contains("poisson, logarithm", _console.Run(["fit", .. data, "--out", "run"]).Output, StringComparison.Ordinal);
        string evaluated = _console.Run(["evaluate", .. data, "--folds", "3", "--compare", "degree=0"]).Output;
        Assert.Contains("deviance of the mean", evaluated, StringComparison.Ordinal);
        Assert.Contains("degree=0", evaluated, StringComparison.Ordinal);
    }

    [Fact]
    public void Bandwidth_ComparesTheRulesThatApply()
    {
        string[] data = ["bandwidth", "data.csv", "--x", "x", "--y", "visits", "--family", "poisson", "--degree", "0"];
        using var json = JsonDocument.Parse(_console.Run([.. data, "--json"]).Output);
        JsonElement rules = json.RootElement.GetProperty("rules");
        Assert.Equal(["loo", "silverman", "scott"], rules.EnumerateObject().Select(rule => rule.Name));
        double[] deviances =
            [.. rules.EnumerateObject().Select(rule => rule.Value.GetProperty("leave_one_out_deviance").GetDouble())];
        Assert.Equal(deviances.Min(), deviances[0], 1e-6);
        string text = _console.Run(data).Output;
        Assert.Contains("loo deviance", text, StringComparison.Ordinal);
        Assert.Contains("poisson, gaussian kernel", text, StringComparison.Ordinal);
        using var numbers = JsonDocument.Parse(
            _console.Run("bandwidth", "data.csv", "--x", "x", "--y", "visits", "--degree", "0", "--json").Output);
        Assert.Equal(
            numbers.RootElement.GetProperty("rules").GetProperty("scott").GetProperty("bandwidth")[0].GetDouble(),
            rules.GetProperty("scott").GetProperty("bandwidth")[0].GetDouble(), 1e-12);
        Assert.Equal(
            "error: --period: expected features that do not repeat beside --family",
            _console.Run([.. data, "--period", "x=6"]).Error.TrimEnd());
        Assert.Equal(
            "error: --by: expected a target of any numbers, got --family", _console.Run([.. data, "--by", "ill"]).Error.TrimEnd());
    }

    [Theory]
    [InlineData("--family: expected binomial or poisson, got 'gamma'", "--y", "visits", "--family", "gamma")]
    [InlineData("data.csv, column 'visits': expected two kinds of values, such as 0, 1, got '2' in row 4 (x = 0.2)", "--y", "visits",
        "--family", "binomial")]
    [InlineData("--yes: expected the text that counts as yes, one of Yes, no, got 'maybe'", "--y", "ill", "--family", "binomial", "--yes",
        "maybe")]
    [InlineData("--yes: expected --family binomial beside it", "--y", "visits", "--family", "poisson", "--yes", "1")]
    [InlineData("data.csv, column 'x': expected counts, whole numbers of at least 0, got 0.1 in row 3 (visits = 1)", "--y", "x", "--x",
        "visits", "--family", "poisson")]
    [InlineData("--by: expected a target of any numbers, got --family", "--y", "visits", "--family", "poisson", "--by", "ill")]
    [InlineData("--classes: expected no --family beside it", "--y", "ill", "--family", "binomial", "--classes")]
    [InlineData(
        "--bandwidth: expected loo, silverman, scott or numbers beside --family", "--y", "visits", "--family", "poisson", "--bandwidth",
        "nn=0.3")]
    [InlineData("--family: expected a fit in memory, got one in one pass", "--y", "visits", "--family", "poisson", "--one-pass")]
    public void WrongInput_IsRefused(string line, params string[] options)
    {
        string[] x = options.Contains("--x") ? [] : ["--x", "x"];
        ConsoleProcess.Result result = _console.Run(["fit", "data.csv", "--out", "run", .. x, .. options]);
        Assert.Equal((2, $"error: {line}"), (result.ExitCode, result.Error.Trim()));
        Assert.False(Directory.Exists(_console.PathOf("run")));
    }

    [Fact]
    public void Kinds_AreTwoAndNamed()
    {
        _console.Write("dead.csv", "x,y\n1,dead\n2,alive\n3,dead\n4,alive\n");
        Assert.Equal(
            "error: --yes: expected the text that counts as yes, one of alive, dead, got none",
            _console.Run("fit", "dead.csv", "--family", "binomial").Error.Trim());
        string[] fit = ["fit", "dead.csv", "--family", "binomial", "--yes", "dead", "--bandwidth", "5", "--degree", "0", "--out", "run"];
        Assert.Equal(0, _console.Run(fit).ExitCode);
        foreach (string[] asked in new[] { ["--interval", "new"], ["--slopes"], new[] { "--simultaneous" } })
        {
            ConsoleProcess.Result refused = _console.Run(["predict", "dead.csv", "--model", "run/model.safetensors", .. asked]);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains("got a fit of --family binomial", refused.Error, StringComparison.Ordinal);
        }

        _console.Write("one.csv", "x,y\n1,no\n2,no\n");
        Assert.Equal(
            "error: one.csv, column 'y': expected values of two kinds, got 'no' in all 2 rows",
            _console.Run("fit", "one.csv", "--family", "binomial").Error.Trim());
    }
}
