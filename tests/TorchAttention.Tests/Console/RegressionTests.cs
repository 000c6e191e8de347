using System.Globalization;
using System.Text.Json;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Console;

public sealed class RegressionTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Fit_WritesTheModelAndWhatThereIsToKnow()
    {
        ConsoleProcess.Result result = _console.Run("fit", "--data", "mcycle", "--degree", "1", "--out", "run", "--model", "m.safetensors");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("1.4758", result.Output, StringComparison.Ordinal);
        Assert.Equal(["config.json", "fitted.csv", "plots", "search.csv", "summary.json"], _console.Entries("run"));
        Assert.Equal(
            ["bandwidth.png", "bandwidth.svg", "fit.png", "fit.svg", "residuals.png", "residuals.svg"], _console.Entries("run/plots"));

        Table table = BuiltInTable.Find("mcycle")!.Read(header => header);
        KernelRegression model = KernelRegression.Fit(table[0], table[1], new KernelRegressionOptions { Degree = 1 });
        using var summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        Assert.Equal(model.Bandwidths[0], summary.RootElement.GetProperty("bandwidth")[0].GetDouble());
        Assert.Equal(model.Diagnostics.AICc, summary.RootElement.GetProperty("aicc").GetDouble());
        Table fitted = CsvTable.Read(_console.PathOf("run/fitted.csv"), _ => ["times", "accel", "fitted", "residual"]);
        Assert.Equal(table[0].ToArray(), fitted[0].ToArray());
        Assert.Equal(model.Fitted, fitted[2].ToArray());
        Assert.Equal(model.Search!.Trials.Count, _console.ReadLines("run/search.csv").Length - 1);
        Assert.Equal(model.Predict([20]).Upper, KernelRegression.Load(_console.PathOf("m.safetensors")).Model.Predict([20]).Upper);
    }

    [Fact]
    public void DegreeAndRidge_AreSaidAndKept()
    {
        ConsoleProcess.Result result = _console.Run("fit", "mcycle", "--degree", "auto", "--no-plots", "--out", "run");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Matches("gaussian, [12] \\(local (linear|quadratic), ridge 0.25\\)", result.Output);
        Assert.Matches("degree found by +│ leave-one-out RMSE: 2[0-9.]+ with 1, 2[0-9.]+", result.Output);
        Table table = BuiltInTable.Find("mcycle")!.Read(header => header);
        KernelRegression model = KernelRegression.Fit(table[0], table[1], new KernelRegressionOptions { Degrees = [1, 2] });
        KernelRegression loaded = KernelRegression.Load(_console.PathOf("run/model.safetensors")).Model;
        Assert.Equal((model.Options.Degree, 0.25), (loaded.Options.Degree, loaded.Options.Ridge));
        Assert.Equal(model.Predict([20]).Upper, loaded.Predict([20]).Upper);
        Assert.Equal(model.DegreeTrials.Min(trial => trial.LeaveOneOutError), model.Search!.Score);
        foreach (string file in new[] { "summary", "config" })
        {
            using var json = JsonDocument.Parse(File.ReadAllText(_console.PathOf($"run/{file}.json")));
            Assert.Equal(model.Options.Degree, json.RootElement.GetProperty("degree").GetInt32());
            Assert.Equal(0.25, json.RootElement.GetProperty("ridge").GetDouble());
        }

        Assert.Contains(
            "local cubic, ridge 0.5", _console.Run("bandwidth", "mcycle", "--degree", "3", "--ridge", "0.5").Output,
            StringComparison.Ordinal);
        Assert.Contains(
            "expected a model of one feature, the gaussian kernel and the degree 0 or 1 without a ridge",
            _console.Run("condense", "--model", "run/model.safetensors", "--out", "c.cs").Error, StringComparison.Ordinal);
        _console.Write("w.csv", "a,b,c,d,y\n1,2,3,4,5\n2,3,4,5,6\n");
        Assert.Contains(
            "--degree: expected a polynomial of at most 20 terms, got the degree 3 in 4 features, which has 35",
            _console.Run("fit", "w.csv", "--x", "a,b,c,d", "--y", "y", "--degree", "3", "--out", "none").Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_console.PathOf("none")));
    }

    [Fact]
    public void Predict_IsTheModelsInRoundTripDigits()
    {
        Assert.Equal(
            0, _console.Run(
            "fit", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--bandwidth", "0.05,3", "--kernel", "tricube", "--no-plots", "--quiet",
            "--out", "run").ExitCode);
        _console.Write("q.csv", "C,name,E\n10,a,0.8\n12.5,b,0.95\n99,c,9\n");
        ConsoleProcess.Result result = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--slopes");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(
            "E,C,mean,se,lower,upper,slope_E,se_slope_E,lower_slope_E,upper_slope_E,slope_C,se_slope_C,lower_slope_C,upper_slope_C,"
                + "neighbours,flag",
            lines[0]);
        Predictions at = KernelRegression.Load(_console.PathOf("run/model.safetensors")).Model.Predict(
            [0.8, 10, 0.95, 12.5, 9, 99], new PredictionOptions { HasSlopes = true, Interval = IntervalKind.Mean });
        for (int i = 0; i < 3; i++)
        {
            string[] fields = lines[i + 1].Split(',');
            double[] expected =
            [
                at.Mean[i], at.StandardError[i], at.Lower[i], at.Upper[i],
                .. Enumerable.Range(2 * i, 2).SelectMany(
                    k => (double[])[at.Slopes[k], at.SlopeErrors[k], at.SlopeLower[k], at.SlopeUpper[k]]),
                at.EffectiveNeighbours[i],
            ];
            Assert.Equal(expected, fields[2..^1].Select(field => double.Parse(field, CultureInfo.InvariantCulture)));
            string flag = !at.HasNeighbour[i] ? "no_neighbour" : at.IsOutside[i] ? "outside" : at.IsInGap[i] ? "gap"
                : at.EffectiveNeighbours[i] < 5 ? "few" : "";
            Assert.Equal(flag, fields[^1]);
        }

        Assert.Equal([true, true, false], at.HasNeighbour);
        Assert.Equal([false, false, true], at.IsOutside);

        // The same from standard input to a file.
        result = _console.Start(
            "sh",
            ["-c", "\"$0\" predict --model run/model.safetensors --data - --slopes --out p.csv < q.csv", ConsoleProcess.Executable]).Wait();
        Assert.Equal((0, "", ""), (result.ExitCode, result.Output, result.Error));
        Assert.Equal(lines, _console.ReadLines("p.csv"));
    }

    [Fact]
    public void ManyRows_ArePredictedAChunkAtATime()
    {
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        _console.Write("q.csv", "times\n" + string.Concat(Enumerable.Range(0, 100_000).Select(i => $"{i % 600 / 10.0}\n")));
        Assert.Equal(0, _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--out", "p.csv").ExitCode);
        string[] lines = _console.ReadLines("p.csv");
        Assert.Equal(100_001, lines.Length);
        Assert.Equal(lines[1], lines[60_001]);
    }

    [Fact]
    public void Classes_GetProbabilities()
    {
        ConsoleProcess.Result result = _console.Run(
            "fit", "--data", "iris", "--x", "Petal.Length,Petal.Width", "--y", "Species", "--classes", "--bandwidth", "0.3", "--out", "run",
            "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using var summary = JsonDocument.Parse(result.Output);
        Assert.Equal(
            ["setosa", "versicolor", "virginica"],
            summary.RootElement.GetProperty("classes").EnumerateArray().Select(name => name.GetString()));
        _console.Write("q.csv", "Petal.Length,Petal.Width\n1.4,0.2\n5.8,2.2\n");
        string[] lines = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv").Output.Split('\n');
        Assert.Equal("Petal.Length,Petal.Width,p_setosa,p_versicolor,p_virginica,class,neighbours,flag", lines[0]);
        Assert.Contains(",setosa,", lines[1], StringComparison.Ordinal);
        Assert.Contains(",virginica,", lines[2], StringComparison.Ordinal);

        using var evaluated = JsonDocument.Parse(
            _console.Run(
            "evaluate", "--data", "iris", "--x", "Petal.Length,Petal.Width", "--y", "Species", "--classes", "--bandwidth", "0.3",
            "--json").Output);
        Assert.InRange(evaluated.RootElement.GetProperty("accuracy").GetDouble(), 0.9, 1);
    }

    [Fact]
    public void FewRows_AreFittedAndDrawn()
    {
        _console.Write("d.csv", "x,y\n1,2\n2,3\n3,5\n");
        ConsoleProcess.Result result = _console.Run("fit", "--data", "d.csv", "--out", "run", "--quiet");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("summary.json", _console.Entries("run"));
        Assert.Equal(
            4, _console.Run("predict", "--model", "run/model.safetensors", "--data", "d.csv", "--level", "0.99999999").Output.Split(
            '\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void FlatValues_HaveNoSearchToDraw()
    {
        _console.Write("d.csv", "x,y\n1,2\n2,2\n3,2\n4,2\n5,2\n6,2\n");
        ConsoleProcess.Result result = _console.Run("fit", "--data", "d.csv", "--bandwidth", "aicc", "--out", "run", "--quiet");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("fit.png", _console.Entries("run/plots"));
    }

    [Fact]
    public void GapsBetweenTheRows_AreDrawnWhateverThePolicyIs()
    {
        _console.Write("d.csv", "x,y\n0,1\n0.1,2\n0.2,1\n5,3\n5.1,4\n5.2,3\n");
        ConsoleProcess.Result result = _console.Run(
            "fit", "--data", "d.csv", "--bandwidth", "0.15", "--kernel", "epanechnikov", "--no-neighbour", "error", "--out", "run",
            "--quiet");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("fit.png", _console.Entries("run/plots"));
    }

    [Fact]
    public void Weights_CountInClassesAndInErrors()
    {
        IEnumerable<string> rows = Enumerable.Range(0, 40).Select(i => $"{i},{(i * i % 7 < 3 ? "a" : "b")},{i % 5},{(i % 3) + 1}\n");
        _console.Write("d.csv", "x,c,y,w\n" + string.Concat(rows));
        foreach (string[] kind in (string[][])[["--y", "c", "--classes"], ["--y", "y"]])
        {
            string[] evaluate = ["evaluate", "--data", "d.csv", "--x", "x", "--bandwidth", "2", "--json", .. kind];
            string[] fit = ["fit", "--data", "d.csv", "--x", "x", "--bandwidth", "2", "--json", "--no-plots", .. kind];
            Assert.NotEqual(_console.Run(evaluate).Output, _console.Run([.. evaluate, "--weights", "w"]).Output);
            Assert.Equal(0, _console.Run([.. fit, "--out", kind[1] + "0"]).ExitCode);
            Assert.Equal(0, _console.Run([.. fit, "--weights", "w", "--out", kind[1] + "1"]).ExitCode);
            Assert.NotEqual(
                File.ReadAllText(_console.PathOf($"{kind[1]}0/fitted.csv")), File.ReadAllText(_console.PathOf($"{kind[1]}1/fitted.csv")));
        }
    }

    [Fact]
    public void TheDegree_IsChosenWhereItIsNotSaid()
    {
        using var json = JsonDocument.Parse(_console.Run("fit", "--data", "mcycle", "--no-plots", "--out", "usual", "--json").Output);
        Assert.Equal(2, json.RootElement.GetProperty("degree").GetInt32());
        Assert.Equal(0.25, json.RootElement.GetProperty("ridge").GetDouble());
        string[] auto = ["--degree", "auto", "--no-plots", "--quiet", "--out", "auto"];
        Assert.Equal(0, _console.Run(["fit", "--data", "mcycle", .. auto]).ExitCode);
        Assert.Equal(_console.ReadLines("auto/fitted.csv"), _console.ReadLines("usual/fitted.csv"));

        // Classes are means, and in many features a parabola has too many terms.
        string[] iris = ["--x", "Petal.Length", "--y", "Species", "--classes", "--no-plots", "--out", "classes", "--json"];
        Assert.Equal(0, Degree("fit", ["--data", "iris", .. iris]));
        string[] many = [.. Enumerable.Range(0, 24).Select(j => $"x{j}")];
        string rows = string.Join(
            '\n', Enumerable.Range(0, 40).Select(i => string.Join(',', many.Select((_, j) => i * (j + 3) % 11)) + $",{i}"));
        _console.Write("many.csv", $"{string.Join(',', many)},y\n{rows}\n");
        string[] fit = ["--data", "many.csv", "--y", "y", "--bandwidth", "9", "--no-plots", "--json"];
        Assert.Equal(1, Degree("fit", [.. fit, "--x", string.Join(',', many[..6]), "--out", "six"]));
        Assert.Equal(0, Degree("fit", [.. fit, "--x", string.Join(',', many), "--out", "all"]));
        Assert.StartsWith(
            "error: --degree: expected a polynomial of at most 20 terms, got the degree 1 in 24 features",
            _console.Run(["fit", .. fit, "--x", string.Join(',', many), "--ridge", "1", "--out", "held"]).Error, StringComparison.Ordinal);

        int Degree(string command, string[] arguments)
        {
            using var summary = JsonDocument.Parse(_console.Run([command, .. arguments]).Output);
            return summary.RootElement.GetProperty("degree").GetInt32();
        }
    }

    [Fact]
    public void Bandwidth_ComparesTheRules()
    {
        using var json = JsonDocument.Parse(_console.Run("bandwidth", "--data", "mcycle", "--degree", "0", "--json").Output);
        JsonElement rules = json.RootElement.GetProperty("rules");
        Assert.Equal(["loo", "aicc", "gcv", "silverman", "scott", "plugin", "kfold"], rules.EnumerateObject().Select(rule => rule.Name));
        Assert.Equal(0.913825, rules.GetProperty("loo").GetProperty("bandwidth")[0].GetDouble(), 1e-5);
        Assert.Equal(Math.Sqrt(595.93634412), rules.GetProperty("loo").GetProperty("leave_one_out_rmse").GetDouble(), 1e-6);
        ConsoleProcess.Result table = _console.Run("bandwidth", "--data", "ethanol", "--x", "E,C", "--y", "NOx");
        Assert.Equal((0, ""), (table.ExitCode, table.Error));
        Assert.Contains("plugin: expected one feature", table.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_IsTheErrorOnHeldOutRows()
    {
        using var json = JsonDocument.Parse(
            _console.Run("evaluate", "--data", "mcycle", "--degree", "0", "--bandwidth", "1", "--folds", "133", "--json").Output);

        // With a fold for each row and a given bandwidth this is the leave-one-out error.
        Assert.Equal(Math.Sqrt(597.0605698213744), json.RootElement.GetProperty("rmse").GetDouble(), 1e-9);
        Assert.Equal(133, json.RootElement.GetProperty("rows").GetInt32());
    }

    [Fact]
    public void OtherFilesOfNumbers_AreReadAsTheOptionsSay()
    {
        _console.Write("d.csv", "a;b;w\n1,5;2;1\n2,5;3;1\n3,5;;1\n4,5;5;2\n");
        ConsoleProcess.Result result = _console.Run(
            "fit", "--data", "d.csv", "--x", "a", "--y", "b", "--weights", "w", "--delimiter", ";", "--decimal-comma", "--missing", "drop",
                "--bandwidth", "1", "--out", "run", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using var summary = JsonDocument.Parse(result.Output);
        Assert.Equal(
            (3, 1), (summary.RootElement.GetProperty("rows").GetInt32(), summary.RootElement.GetProperty("dropped_rows").GetInt32()));
    }
}
