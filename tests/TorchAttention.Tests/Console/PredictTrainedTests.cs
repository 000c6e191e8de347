using System.Globalization;
using System.Text.Json;
using TorchAttention.Data;
using TorchAttention.Models;

namespace TorchAttention.Tests.Console;

/// <summary>Models of <c>train</c>, asked in the units of the file that they were trained on.</summary>
public sealed class PredictTrainedTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    // The run's own error on the rows that it held out, computed from what predict writes; libtorch's products of matrices add up in
    // another order where there are more rows.
    [Theory]
    [InlineData("nw", 1)]
    [LongData("nw", 2)]
    [LongData("ard", 2, "--learn-values")]
    [LongData("local-linear", 2, "--learn-ridge", "--learn-values")]
    [LongData("region", 1, "--regions", "3", "--kernel", "epanechnikov")]
    [LongData("key", 1, "--learn-values")]
    [LongData("dot-product", 2, "--hidden", "8")]
    [LongData("additive", 1, "--dropout", "0.1")]
    [InlineData("multi-head", 2, "--heads", "2")]
    [LongData("in-context", 2, "--hidden", "8")]
    public void Predictions_AreTheRunsOwn(string model, int features, params string[] options)
    {
        double[][] columns = Columns();
        WriteTable("d.csv", ["b", "y", "a,\"1\"", "more"], i => [columns[1][i], columns[2][i], columns[0][i], i]);
        string[] x = features == 1 ? ["--x", "b", "--y", "y"] : ["--x", "more,b", "--y", "y"];
        ConsoleProcess.Result trained = _console.Run(
            ["train", "--data", "d.csv", "--model", model, "--epochs", "2", "--out", "run", "--no-plots", "--json", .. x, .. options]);
        Assert.Equal((0, ""), (trained.ExitCode, trained.Error));

        ConsoleProcess.Result result = _console.Run("predict", "--model", "run/model.safetensors", "--data", "d.csv", "--keep", "y");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(features == 1 ? "y,b,mean,flag" : "y,more,b,mean,flag", lines[0]);
        double[][] rows = [.. lines.Skip(1).Select(line => Array.ConvertAll(line.Split(',')[..^1], Number))];
        Assert.Equal(columns[2], rows.Select(row => row[0]));
        double[] queries = [.. rows.SelectMany(row => row[1..^1])];
        double[] predictions = [.. rows.Select(row => row[^1])];

        using var loaded = (ModelInUnits)ModelFile.Load(_console.PathOf("run/model.safetensors"));
        Assert.Equal(predictions, loaded.Predict(queries));
        Assert.Equal(features == 1 ? ["b"] : ["more", "b"], loaded.Units.X);
        Assert.Equal("y", loaded.Units.Y);

        double[] more = [.. Enumerable.Range(0, columns[0].Length).Select(i => (double)i)];
        using var data = new TabularData(features == 1 ? [columns[1]] : [more, columns[1]], columns[2]);
        HashSet<float> held = [.. data.YVal.data<float>()];
        IEnumerable<(float Y, double Mean)> pairs = columns[2].Select(y => (float)data.YScale.Apply(y)).Zip(predictions);
        double[] squares =
            [.. pairs.Where(pair => held.Contains(pair.Y)).Select(pair => Math.Pow(data.YScale.Invert(pair.Y) - pair.Mean, 2))];
        Assert.Equal(held.Count, squares.Length);
        using JsonDocument summary = JsonDocument.Parse(trained.Output);
        JsonElement own = summary.RootElement.GetProperty("estimators").EnumerateObject().Last().Value;
        double error = Math.Sqrt(squares.Average());
        Assert.Equal(own.GetProperty("val_rmse").GetDouble(), error, 1e-6 * error);
    }

    [Fact]
    public void QueriesBeyondTheExamples_AreFlagged()
    {
        Train();
        _console.Write("q.csv", "other,times\n1,2.4\n2,2.3\n3,57.6\n4,57.7\n5,1e20\n");
        string output = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--out", "-").Output;
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["flag", "", "outside", "", "outside", "outside"], lines.Select(line => line.Split(',')[^1]));
        Assert.Equal(0, _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--out", "p.csv").ExitCode);
        Assert.Equal(lines, _console.ReadLines("p.csv"));
    }

    [Fact]
    public void WhatDoesNotApply_IsSaidInOneLine()
    {
        Train();
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "2", "--out", "fit", "--no-plots", "--quiet").ExitCode);
        _console.Write("q.csv", "times\n2.4\n");
        Refused("--level applies to models of fit only: what train saves has no standard error", "run", "--level", "0.9");
        Refused("--simultaneous applies to models of fit only: what train saves has no standard error", "run", "--simultaneous");
        Refused("--slopes applies to models of fit only: what train saves has no standard error", "run", "--slopes");
        Refused("--libtorch applies to models of train only: what fit saves needs none", "fit", "--libtorch", "lib");
        Refused("--libtorch: '/nowhere' is not there", "run", "--libtorch", "/nowhere");
        _console.Write("q.csv", "time\n2.4\n");
        Refused("q.csv: no column 'times' (did you mean 'time'?); its only column i", "run");
        _console.Write("q.csv", "times\n2.4\n1e300\n");
        Refused("q.csv, column 'times': expected numbers of one scale with the model's, whose mean is 2", "run");
        _console.Write("q.csv", "times\n2.4\nNA\n");
        Refused("q.csv, row 3, column 'times': expected a number, found 'NA', a missing value; --missing drop leaves such rows out", "run");

        void Refused(string message, string run, params string[] options)
        {
            ConsoleProcess.Result result = _console.Run(
                ["predict", "--model", $"{run}/model.safetensors", "--data", "q.csv", "--out", "p.csv", .. options]);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.StartsWith($"error: {message}", result.Error, StringComparison.Ordinal);
            Assert.False(File.Exists(_console.PathOf("p.csv")));
        }
    }

    [Fact]
    public void ModelWithoutUnits_IsRefused()
    {
        using var model = new NWKernelRegression(tensor([1f, 2]), tensor([1f, 2]));
        model.Save(_console.PathOf("m.safetensors"));
        _console.Write("q.csv", "x\n1\n");
        ConsoleProcess.Result result = _console.Run("predict", "--model", "m.safetensors", "--data", "q.csv");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        const string Problem = "error: m.safetensors: expected a model that says what its columns are, found one";
        Assert.StartsWith(Problem, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void FitsModels_LoadNoLibTorch()
    {
        Train();
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "2", "--out", "fit", "--no-plots", "--quiet").ExitCode);
        _console.Write("q.csv", "times\n2.4\n");
        Assert.Equal((0, ""), Predict("fit"));
        (int code, string error) = Predict("run");
        Assert.Equal(2, code);
        Assert.StartsWith("error: TORCHATTENTION_LIBTORCH: '/nowhere' is not there", error, StringComparison.Ordinal);

        (int, string) Predict(string run)
        {
            string[] predict = ["predict", "--model", $"{run}/model.safetensors", "--data", "q.csv"];
            (string, string) elsewhere = (LibTorch.DirectoryVariable, "/nowhere");
            ConsoleProcess.Result result = _console.Start(ConsoleProcess.Executable, predict, elsewhere).Wait();
            return (result.ExitCode, result.Error);
        }
    }

    private static double[][] Columns()
    {
        var random = new Random(6);
        double[] a = [.. Enumerable.Range(0, 40).Select(i => i + random.NextDouble())];
        double[] b = [.. a.Select(value => 1e6 + (Math.Sqrt(value) / 100))];
        return [a, b, [.. a.Select((value, i) => 300 + Math.Sin(value / 4) + (0.01 * i))]];
    }

    private static double Number(string field) => double.Parse(field, CultureInfo.InvariantCulture);

    private void Train() => Assert.Equal(0, _console.Run(
        "train", "--data", "mcycle", "--validation-fraction", "0.01", "--epochs", "1", "--out", "run", "--no-plots", "--quiet").ExitCode);

    private void WriteTable(string file, string[] names, Func<int, double[]> row)
    {
        IEnumerable<string> header = names.Select(name => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        IEnumerable<string> lines = Enumerable.Range(0, 40)
            .Select(i => string.Join(',', row(i).Select(number => number.ToString("R", CultureInfo.InvariantCulture))));
        _console.Write(file, string.Join('\n', [string.Join(',', header), .. lines, ""]));
    }
}
