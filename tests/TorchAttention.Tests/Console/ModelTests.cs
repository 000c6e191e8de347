using System.Text.Json;
using TorchAttention.Models;

namespace TorchAttention.Tests.Console;

/// <summary>Every model of <c>train</c>, through the real executable.</summary>
public sealed class ModelTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [LongData("nw", "parametric", 12)]
    [LongData("ard", "ard", 12)]
    [LongData("local-linear", "local-linear", 12)]
    [InlineData("region", "region", 16, "--regions", "4", "--kernel", "epanechnikov")]
    [LongData("key", "key", 16, "--learn-values")]
    [LongData("dot-product", "dot-product", 12, "--hidden", "8")]
    [InlineData("additive", "additive", 12, "--dropout", "0.1")]
    [LongData("multi-head", "multi-head", 12, "--heads", "2")]
    [LongData("in-context", "in-context", 12, "--blocks", "2")]
    public void Model_TrainsDrawsSavesAndLoads(string model, string estimator, int pictures, params string[] options)
    {
        string[] leaveOneOut = model == "multi-head" ? [] : ["--leave-one-out"];

        ConsoleProcess.Result result = _console.Run(
            ["train", "--model", model, "--epochs", "30", "--out", "run", "--json", .. leaveOneOut, .. options]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument summary = JsonDocument.Parse(result.Output);
        JsonElement estimators = summary.RootElement.GetProperty("estimators");
        Assert.Equal(["average", "nonparametric", estimator], estimators.EnumerateObject().Select(property => property.Name));
        Assert.InRange(
            estimators.GetProperty(estimator).GetProperty("val_loss").GetDouble(), 0,
            estimators.GetProperty("average").GetProperty("val_loss").GetDouble() / 2);
        Assert.Equal(pictures, Directory.GetFiles(_console.PathOf("run/plots")).Length);
        using TorchAttention.Training.Module loaded = ModelFile.Load(
            _console.PathOf("run/model.safetensors"), null, out IReadOnlyDictionary<string, string> notes);
        Assert.Equal("nonlinear", notes["data"]);
        using TorchAttention.Data.NonlinearData data = new();
        using Tensor predicted = loaded.call(data.XVal);
        using Tensor loss = loaded.Loss(predicted, data.YVal);
        Assert.Equal(estimators.GetProperty(estimator).GetProperty("val_loss").GetDouble(), loss.ToDouble(), 1e-6);
    }

    [Fact]
    public void MoreColumnsThanAPlaneTakes_AreRefused()
    {
        string[] names = [.. Enumerable.Range(0, 17).Select(j => $"x{j}")];
        IEnumerable<string> rows = Enumerable.Range(0, 30).Select(
            i => string.Join(',', names.Select((_, j) => i + (j * j)).Append(i % 7)));
        _console.Write("wide.csv", string.Join('\n', rows.Prepend(string.Join(',', [.. names, "y"]))));
        ConsoleProcess.Result result = _console.Run(
            ["train", "wide.csv", "--x", string.Join(',', names), "--y", "y", "--model", "local-linear", "--out", "wide"]);
        Assert.Equal((2, "error: --x: expected at most 16 columns with --model local-linear, got 17\n"), (result.ExitCode, result.Error));
        Assert.False(Directory.Exists(_console.PathOf("wide")));
    }

    [Fact]
    public void SeveralColumns_HaveAWidthEach()
    {
        ConsoleProcess.Result result = _console.Run(
            "train", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--model", "ard", "--leave-one-out", "--epochs", "60", "--out", "run",
            "--json");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument summary = JsonDocument.Parse(result.Output);
        double[] w =
            [Math.Abs(summary.RootElement.GetProperty("w_E").GetDouble()), Math.Abs(summary.RootElement.GetProperty("w_C").GetDouble())];
        double[] deviations = [.. summary.RootElement.GetProperty("standardization").GetProperty("x_deviation").EnumerateArray().Select(
            number => number.GetDouble())];

        // The equivalence ratio decides, the compression ratio hardly matters (Cleveland and Devlin, 1988).
        Assert.InRange(w[0] * deviations[0] / (w[1] * deviations[1]), 3, double.PositiveInfinity);
        Assert.Equal("step,epoch,train_loss,w_E,w_C,lr,grad_norm", _console.ReadLines("run/steps.csv")[0]);
        Assert.Contains("w.svg", Directory.GetFiles(_console.PathOf("run/plots")).Select(Path.GetFileName));
    }

    [Fact]
    public void OddNamesOfColumns_AreTheNumbersNamesEverywhere()
    {
        string rows = string.Join('\n', Enumerable.Range(0, 30).Select(i => $"{i},{i * 7 % 11},{i % 5}"));
        _console.Write("odd.csv", $"\"a \"\"b\"\"\",w,y\n{rows}\n");
        string[] train = ["train", "odd.csv", "--x", "a \"b\",w", "--y", "y", "--model", "ard", "--epochs", "2", "--no-plots", "--quiet"];
        Assert.Equal(0, _console.Run([.. train, "--out", "run"]).ExitCode);
        Assert.Equal("epoch,train_loss,val_loss,\"w_a \"\"b\"\"\",w_w", _console.ReadLines("run/epochs.csv")[0]);
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        Assert.True(summary.RootElement.GetProperty("bandwidth_a \"b\"").GetDouble() > 0);
        Assert.True(summary.RootElement.GetProperty("bandwidth_w").GetDouble() > 0);
        Assert.Equal(0, _console.Run("train", "--resume", "run", "--epochs", "3", "--quiet").ExitCode);
        Assert.Equal(4, _console.ReadLines("run/epochs.csv").Length);
        Assert.Equal(0, _console.Run("report", "run").ExitCode);
    }

    [Theory]
    [InlineData("--regions applies to --model region only", "--regions", "3")]
    [InlineData("--ridge applies to --model local-linear only", "--ridge", "0.1")]
    [InlineData("--model local-linear applies to --kernel gaussian only", "--model", "local-linear", "--kernel", "tricube")]
    [LongData("--learn-ridge: expected a --ridge above 0 to begin with, got 0", "--model", "local-linear", "--learn-ridge", "--ridge", "0")]
    [LongData("--heads applies to --model multi-head and in-context only", "--model", "additive", "--heads", "3")]
    [InlineData("--kernel applies to --model nw, ard, local-linear, region and key only", "--model", "additive", "--kernel", "tricube")]
    [LongData("--method streaming applies to --kernel gaussian only", "--kernel", "tricube", "--method", "streaming")]
    [LongData("--method engine applies to --model nw, ard, local-linear, region and key only", "--model", "additive", "--method", "engine")]
    [InlineData("--method streaming applies to --model nw, ard and local-linear only", "--model", "key", "--method", "streaming")]
    [InlineData("--heads: expected a divisor of --hidden 32, got 5", "--model", "multi-head", "--heads", "5")]
    [InlineData("--regions: expected at most one for each of 50 examples to train on, got 51", "--model", "region", "--regions", "51")]
    [InlineData(
        "--model: expected one of nw, ard, local-linear, region, key, dot-product, additive, multi-head, in-context, got 'lstm'",
        "--model", "lstm")]
    [LongData("--blocks: expected at most 64, got 65", "--model", "in-context", "--blocks", "65")]
    [LongData("--blocks applies to --model in-context only", "--model", "multi-head", "--blocks", "2")]
    [LongData("--dropout applies to --model dot-product, additive and multi-head only", "--model", "in-context", "--dropout", "0.1")]
    [InlineData(
        "--model key takes one column of --x, got 2; ard has a w for each", "--data", "ethanol", "--x", "E,C", "--y", "NOx",
        "--model", "key")]
    [LongData("--x: expected names of columns, each once, got 'E,E'", "--data", "ethanol", "--x", "E,E", "--y", "NOx")]
    [InlineData(
        "--leave-one-out does not apply to --model multi-head, whose last linear map reads the value that was left out from the mean of "
        + "the others; use --patience", "--model", "multi-head", "--leave-one-out")]
    [InlineData("--momentum applies to --optimizer sgd only", "--optimizer", "adam", "--momentum", "0.9")]
    [LongData("--gamma applies to --schedule step, exponential, multi-step and plateau only", "--gamma", "0.5")]
    [LongData("--milestones applies to --schedule multi-step only", "--schedule", "step", "--milestones", "3")]
    [LongData("--schedule-patience applies to --schedule plateau only", "--schedule-patience", "3")]
    [LongData("--power applies to --schedule polynomial only", "--schedule", "linear", "--power", "2")]
    [InlineData("--schedule multi-step needs --milestones", "--schedule", "multi-step")]
    [InlineData(
        "--milestones: expected whole numbers of at least 1 separated by commas, got '3,0'", "--schedule", "multi-step", "--milestones",
        "3,0")]
    [LongData("--gamma: expected less than 1 with --schedule plateau, got 1", "--schedule", "plateau", "--gamma", "1")]
    [LongData("--final-factor: expected at most 1 with --schedule cyclic, got 2", "--schedule", "cyclic", "--final-factor", "2")]
    [InlineData(
        "--schedule: expected one of constant, step, exponential, multi-step, cosine, linear, polynomial, warm-restarts, cyclic, "
        + "one-cycle, plateau, got 'sinus'", "--schedule", "sinus")]
    [LongData("--min-delta applies with --patience only", "--min-delta", "0.5")]
    [InlineData(
        "--seeds: 2 seeds from 18446744073709551615 on go beyond 18446744073709551615; expected a smaller --seed", "--seeds", "2", "--seed",
        "18446744073709551615")]
    [LongData("--momentum: expected less than 1, got 1", "--momentum", "1")]
    [InlineData("--lr-of: expected parameters of --model nw (w), got 'v'", "--lr-of", "*=0.1,v=1")]
    [LongData("--lr-of: expected name=rate with a rate of at least 0 that float32 can hold, got 'w'", "--lr-of", "w")]
    [LongData("--accumulate applies to --optimizer sgd, adam and adamw only", "--accumulate", "2", "--optimizer", "lbfgs")]
    [LongData("--ema: expected a number between 0 and 1, got '1'", "--ema", "1")]
    public void OptionsThatDoNotApply_AreRefused(string message, params string[] options)
    {
        ConsoleProcess.Result result = _console.Run(["train", "--out", "run", .. options]);
        Assert.Equal(new ConsoleProcess.Result(2, "", $"error: {message}\n"), result);
        Assert.False(Directory.Exists(_console.PathOf("run")));
    }

    [Theory]
    [LongData("dot-product", "--dropout", "0.2")]
    [InlineData("multi-head", "--dropout", "0.2")]
    [LongData("in-context")]
    public void WhatIsDrawnInTraining_IsTheSeedsToo(string model, params string[] options)
    {
        string[] train =
            ["train", "--data", "mcycle", "--model", model, .. options, "--epochs", "1", "--no-plots", "--quiet", "--seed", "3"];
        Assert.Equal(0, _console.Run([.. train, "--out", "a"]).ExitCode);
        Assert.Equal(0, _console.Run([.. train, "--out", "b"]).ExitCode);
        Assert.Equal(File.ReadAllBytes(_console.PathOf("a/model.safetensors")), File.ReadAllBytes(_console.PathOf("b/model.safetensors")));
        Assert.Equal(0, _console.Run([.. train[..^1], "4", "--out", "c"]).ExitCode);
        Assert.NotEqual(_console.ReadLines("a/steps.csv")[1], _console.ReadLines("c/steps.csv")[1]);
    }

    [Fact]
    public void NonFiniteSteps_AreSkippedWhereAsked()
    {
        // The first step runs away to where every loss is NaN.
        string[] training = ["train", "--leave-one-out", "--lr", "1e30", "--clip", "1", "--no-plots", "--quiet", "--out"];
        Assert.Contains(
            "the training loss of step 2 (epoch 1, mini-batch 2 of 5) is NaN", _console.Run([.. training, "stopped"]).Error,
            StringComparison.Ordinal);
        Assert.Contains(
            "the validation loss after step 5 (epoch 1, mini-batch 5 of 5) is NaN",
            _console.Run([.. training, "skipped", "--skip-non-finite"]).Error, StringComparison.Ordinal);
        Assert.Equal(["1"], _console.ReadLines("skipped/steps.csv").Skip(1).Select(line => line.Split(',')[0]));
    }
}
