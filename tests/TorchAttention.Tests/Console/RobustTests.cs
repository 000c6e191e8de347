using System.Globalization;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary><c>--robust</c>: bisquare weights of residuals.</summary>
public sealed class RobustTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    // R's loess of family = "symmetric" (the numbers are those of Regression.RobustTests).
    [Fact]
    public void Fit_IsLoessAndPredicts()
    {
        string[] fit = ["fit", "mcycle", "--bandwidth", "nn=0.3", "--degree", "2", "--ridge", "0", "--robust", "3"];
        using var summary = JsonDocument.Parse(_console.Run([.. fit, "--out", "run", "--json"]).Output);
        JsonElement root = summary.RootElement;
        Assert.Equal(3, root.GetProperty("robust_iterations").GetInt32());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("leave_one_out_error").ValueKind);
        Assert.Contains("where most values lie", root.GetProperty("notes")[0].GetString(), StringComparison.Ordinal);
        string[] fitted = File.ReadAllLines(_console.PathOf("run/fitted.csv"));
        Assert.Equal("times,accel,fitted,residual,robust_weight", fitted[0]);
        int without = fitted.Count(line => line.EndsWith(",0", StringComparison.Ordinal));
        Assert.Equal(root.GetProperty("rows_without_weight").GetInt32(), without);

        _console.Write("q.csv", "times\n14.2\n33\n");
        string[] lines = _console.Run("predict", "q.csv", "--model", "run/model.safetensors").Output.Split('\n');
        Assert.StartsWith("times,mean,se,lower,upper,noise", lines[0], StringComparison.Ordinal);
        Assert.Equal(-6.44346028238931, double.Parse(lines[1].Split(',')[1], CultureInfo.InvariantCulture), 1e-5);
        Assert.Equal(43.914050594082, double.Parse(lines[2].Split(',')[1], CultureInfo.InvariantCulture), 1e-5);
        foreach (string text in new[] { "--interval mean", "--interval plain", "--interval new-jackknife", "--simultaneous" })
        {
            string[] asked = text.Split(' ');
            ConsoleProcess.Result refused = _console.Run(["predict", "q.csv", "--model", "run/model.safetensors", .. asked]);
            Assert.Equal(
                (2, $"error: {text}: expected --interval new or new-quantiles for a fit with robust iterations: no band "
                    + "of its mean is known to cover it"), (refused.ExitCode, refused.Error.Trim()));
        }
    }

    [Fact]
    public void Evaluate_ComparesByFolds()
    {
        string printed = _console.Run("evaluate", "mcycle", "--folds", "3", "--degree", "1", "--compare", "robust=3").Output;
        Assert.Contains("robust=3", printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--robust: expected a whole number of at least 0, got '-1'", "fit", "mcycle", "--robust", "-1")]
    [InlineData("--robust: expected a target of numbers, got classes", "fit", "iris", "--x", "Petal.Length", "--y", "Species", "--classes",
        "--robust", "3")]
    [InlineData("--robust: expected a fit of all rows together, got --by", "fit", "iris", "--x", "Petal.Length", "--y", "Sepal.Length",
        "--by", "Species", "--robust", "3")]
    [InlineData("--robust: expected features of numbers beside the category 'Species'", "fit", "iris", "--x", "Petal.Length,Species", "--y",
        "Sepal.Length", "--robust", "3")]
    [InlineData("--one-pass: expected the degree 0 or 1 without a ridge, and a bandwidth of one number or loo, gcv, aicc or kfold, got "
        + "gaussian, local constant, robust and loo", "fit", "mcycle", "--one-pass", "--robust", "3")]
    public void Others_AreRefused(string line, params string[] words)
    {
        ConsoleProcess.Result result = _console.Run(words);
        Assert.Equal((2, $"error: {line}"), (result.ExitCode, result.Error.Trim()));
    }
}
