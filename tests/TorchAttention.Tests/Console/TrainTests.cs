using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace TorchAttention.Tests.Console;

public sealed class TrainTests : IDisposable
{
    private static readonly string[] _pictures =
        ["average", "loss", "nonparametric", "nonparametric-attention", "parametric", "parametric-attention"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Defaults_AreTheChaptersRunAndWriteEveryFile()
    {
        ConsoleProcess.Result result = _console.Run("train", "--out", "run");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(["config.json", "epochs.csv", "model.safetensors", "steps.csv", "summary.json"], FileNames("run"));
        Assert.Equal(
            _pictures.SelectMany(name => new[] { $"{name}.png", $"{name}.svg" }).Order(StringComparer.Ordinal), FileNames("run/plots"));
        using JsonDocument config = Json("run/config.json");
        Assert.Equal(
            ("nonlinear", 50, 0.5, 10, 5, 1.0, 0, false),
            (Text(config, "data"), Int(config, "n"), Number(config, "noise_std"), Int(config, "batch_size"), Int(config, "epochs"),
            Number(config, "lr"),
             Int(config, "seed"), config.RootElement.GetProperty("leave_one_out").GetBoolean()));
    }

    [Fact]
    public void Steps_AreThoseRecordedFromPyTorch()
    {
        using JsonDocument golden = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "pytorch_parametric.json")));
        foreach ((int i, JsonElement run) in golden.RootElement.EnumerateArray().Index())
        {
            // The first has the defaults, the last has them least.
            if (!LongTests.AreAskedFor && i is not (0 or 3))
            {
                continue;
            }

            Assert.Equal(0, _console.Run(
                "train", "--out", $"run{i}", "--no-plots", "--quiet", "--n", Raw(run, "n"), "--noise-std", Raw(run, "noise_std"),
                    "--batch-size", Raw(run, "batch_size"),
                "--epochs", Raw(run, "epochs"), "--lr", Raw(run, "lr"), "--seed", Raw(run, "seed")).ExitCode);

            string[] lines = _console.ReadLines($"run{i}/steps.csv");
            Assert.Equal("step,epoch,train_loss,w,lr,grad_norm", lines[0]);
            double[] w = [.. run.GetProperty("w_after_each_step").EnumerateArray().Select(element => element.GetDouble())];
            double[] loss = [.. run.GetProperty("train_loss_each_step").EnumerateArray().Select(element => element.GetDouble())];
            int perEpoch = w.Length / run.GetProperty("epochs").GetInt32();
            Assert.Equal(w.Length, lines.Length - 1);
            for (int step = 1; step <= w.Length; step++)
            {
                double[] row = [.. lines[step].Split(',').Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
                Assert.Equal([step, (step - 1) / perEpoch + 1], row[..2]);
                Assert.Equal(1, row[2] / loss[step - 1], 1e-4);
                Assert.Equal(1, row[3] / w[step - 1], 1e-6);
            }
        }
    }

    [Fact]
    public void Summary_AgreesWithTheLogsAndComparesThreeEstimators()
    {
        ConsoleProcess.Result result = _console.Run("train", "--out", "run", "--no-plots", "--json", "--seed", "3");

        Assert.Equal(0, result.ExitCode);
        using JsonDocument printed = JsonDocument.Parse(result.Output);
        using JsonDocument written = Json("run/summary.json");
        Assert.Equal(written.RootElement.GetRawText(), printed.RootElement.GetRawText());

        string[] last = _console.ReadLines("run/epochs.csv")[^1].Split(',');
        Assert.Equal("epoch,train_loss,val_loss,w", _console.ReadLines("run/epochs.csv")[0]);
        Assert.Equal(double.Parse(last[3], CultureInfo.InvariantCulture), Number(written, "w"), 1e-6);
        Assert.Equal(1, Number(written, "w") * Number(written, "bandwidth"), 1e-12);
        Assert.Equal((3, "cpu"), (Int(written, "seed"), Text(written, "device")));
        JsonElement estimators = written.RootElement.GetProperty("estimators");
        Assert.Equal(["average", "nonparametric", "parametric"], estimators.EnumerateObject().Select(estimator => estimator.Name));
        double[] losses = [.. estimators.EnumerateObject().Select(estimator => estimator.Value.GetProperty("val_loss").GetDouble())];
        Assert.Equal(losses.OrderDescending(), losses);
        Assert.Equal(double.Parse(last[2], CultureInfo.InvariantCulture), losses[2], 1e-6);
        Assert.All(estimators.EnumerateObject(), estimator => Assert.Equal(
            Math.Sqrt(2 * estimator.Value.GetProperty("val_loss").GetDouble()), estimator.Value.GetProperty("val_rmse").GetDouble(),
                1e-12));
    }

    [Fact]
    public void PipedOutput_IsPlainLines()
    {
        ConsoleProcess.Result result = _console.Run("train", "--no-plots");

        Assert.Equal(5, Regex.Count(result.Output, @"^epoch \d/5 ", RegexOptions.Multiline));
        Assert.Contains("learned w = 2.839", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result.Output);
        string folder = Assert.Single(Directory.GetDirectories(_console.PathOf("runs")));
        Assert.Matches(@"^nonlinear-\d{8}T\d{6}Z$", Path.GetFileName(folder));
    }

    [Fact]
    public void LongTrainings_KeepLogAndPictureSmall()
    {
        ConsoleProcess.Result result = _console.Run("train", "--epochs", "1500", "--n", "10", "--out", "run");

        string[] lines = [.. result.Output.Split('\n').Where(line => line.StartsWith("epoch ", StringComparison.Ordinal))];
        Assert.InRange(lines.Length, 100, 102);
        Assert.StartsWith("epoch 1/1500 ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("epoch 1500/1500 ", lines[^1], StringComparison.Ordinal);
        Assert.Equal(1501, _console.ReadLines("run/epochs.csv").Length);
        Assert.InRange(new FileInfo(_console.PathOf("run/plots/loss.svg")).Length, 10_000, 100_000);
    }

    [Fact]
    public void Quiet_PrintsNothing()
    {
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), _console.Run("train", "--quiet", "--out", "run", "--no-plots"));
        Assert.False(Directory.Exists(_console.PathOf("run/plots")));
    }

    [Fact]
    public void SameSeed_SameBytes()
    {
        LongTests.SkipUnlessAskedFor();
        _console.Run("train", "--no-plots", "--out", "a", "--data", "mcycle");
        _console.Run("train", "--no-plots", "--out", "b", "--data", "mcycle");
        _console.Run("train", "--no-plots", "--out", "c", "--data", "mcycle", "--seed", "1");

        Assert.Equal(_console.ReadLines("a/steps.csv"), _console.ReadLines("b/steps.csv"));
        Assert.NotEqual(_console.ReadLines("a/steps.csv"), _console.ReadLines("c/steps.csv"));
    }

    [Theory]
    [LongData("mcycle", 0.7)]
    [InlineData("ethanol", 0.6)]
    [LongData("faithful", 0.6)]
    [LongData("iris", 0.5)]
    public void RealData_IsFollowedInItsOwnUnits(string data, double mostOfAverage)
    {
        Assert.Equal(0, _console.Run("train", "--data", data, "--out", "run", "--quiet").ExitCode);

        using JsonDocument summary = Json("run/summary.json");
        JsonElement estimators = summary.RootElement.GetProperty("estimators");
        double Rmse(string name) => estimators.GetProperty(name).GetProperty("val_rmse").GetDouble();
        double deviation = summary.RootElement.GetProperty("standardization").GetProperty("y_deviation").GetDouble();
        Assert.InRange(Rmse("average"), 0.5 * deviation, 1.5 * deviation);
        Assert.InRange(Rmse("parametric"), 0, mostOfAverage * Rmse("average"));
        Assert.Equal(_pictures.Length * 2, FileNames("run/plots").Length);
    }

    [Fact]
    public void Units_ChangeNothingButTheUnits()
    {
        _console.Write("metres.csv", "y,x\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{Math.Sin(i * 0.37):R},{i}\n")));
        _console.Write(
            "millimetres.csv",
            "x,y\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i * 1000},{100 * Math.Sin(i * 0.37) + 5:R}\n")));
        _console.Run("train", "--data", "metres.csv", "--x", "x", "--out", "m", "--no-plots");
        _console.Run("train", "--data", "millimetres.csv", "--out", "mm", "--no-plots");

        using JsonDocument metres = Json("m/summary.json");
        using JsonDocument millimetres = Json("mm/summary.json");
        Assert.Equal(1, Number(millimetres, "bandwidth") / Number(metres, "bandwidth") / 1000, 1e-4);
        Assert.Equal(1, Rmse(millimetres) / Rmse(metres) / 100, 1e-4);

        static double Rmse(JsonDocument summary) =>
            summary.RootElement.GetProperty("estimators").GetProperty("parametric").GetProperty("val_rmse").GetDouble();
    }

    [Fact]
    public void Bandwidth_IsTheNonparametricForms()
    {
        _console.Run("train", "--bandwidth", "0.2", "--out", "narrow", "--no-plots");
        _console.Run("train", "--bandwidth", "100", "--out", "wide", "--no-plots");

        using JsonDocument narrow = Json("narrow/summary.json");
        using JsonDocument wide = Json("wide/summary.json");
        Assert.Equal(0.2403, Loss(narrow, "nonparametric"), 1e-3);
        Assert.Equal(Loss(wide, "average"), Loss(wide, "nonparametric"), 1e-3);

        static double Loss(JsonDocument summary, string name) =>
            summary.RootElement.GetProperty("estimators").GetProperty(name).GetProperty("val_rmse").GetDouble();
    }

    [Fact]
    public void LeaveOneOut_LearnsAWiderKernelThanTheChaptersLoss_WhichOverfitsAndSaysSo()
    {
        string saidOfOwn = _console.Run("train", "--epochs", "200", "--out", "own", "--no-plots").Output;
        string saidOfOthers = _console.Run("train", "--epochs", "200", "--out", "others", "--no-plots", "--leave-one-out").Output;

        Assert.Matches(
            @"note: the validation loss was 0\.024\d+ after epoch \d+; --patience keeps the best weights", saidOfOwn);
        Assert.DoesNotContain("note:", saidOfOthers, StringComparison.Ordinal);
        using JsonDocument own = Json("own/summary.json");
        using JsonDocument others = Json("others/summary.json");
        Assert.True(Number(own, "w") > 2 * Number(others, "w"), $"{Number(own, "w")} with its own pair, {Number(others, "w")} without");
    }

    [Theory]
    [InlineData("1")]
    [LongData("7")]
    [LongData("49")]
    public void OddSizes_Work(string n)
    {
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), _console.Run("train", "--n", n, "--batch-size", "3", "--out", "run", "--quiet"));
    }

    private static string Raw(JsonElement run, string name) => run.GetProperty(name).GetRawText();

    private static string? Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString();

    private static int Int(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetInt32();

    private static double Number(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetDouble();

    private JsonDocument Json(string file) => JsonDocument.Parse(File.ReadAllText(_console.PathOf(file)));

    private string[] FileNames(string folder) =>
        [.. Directory.GetFiles(_console.PathOf(folder)).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
}
