using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>What someone with a file of their own is told, and keeps.</summary>
public sealed class AnalystTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Predict_KeepsColumnsAndSaysWhatItLeavesOutAndExtrapolates()
    {
        Fit(
            string.Join('\n', Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{i / 10.0},{Math.Sin(i / 10.0)}"))),
            "--bandwidth", "0.3");
        _console.Write("q.csv", "name,x,z\n\"a, b\",1,5\nc,,6\nd,9,\"say \"\"7\"\"\"\n");

        ConsoleProcess.Result all = _console.Run(
            "predict", "--model", "run/model.safetensors", "--data", "q.csv", "--keep", "all", "--missing", "drop");
        string[] lines = all.Output.TrimEnd('\n').Split('\n');

        Assert.Equal((0, "note: 1 row with missing numbers left out"), (all.ExitCode, all.Error.TrimEnd()));
        Assert.Equal("name,x,z,mean,se,lower,upper,neighbours,flag", lines[0]);
        Assert.Matches("^\"a, b\",1,5,.*,$", lines[1]);
        Assert.Matches("^d,9,\"say \"\"7\"\"\",.*,outside$", lines[2]);
        Assert.StartsWith(
            "z,x,mean",
            _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--keep", "z", "--missing", "drop").Output,
            StringComparison.Ordinal);
        Refused("error: q.csv: no column 'k'; its columns are 'name', 'x', 'z'", "--data", "q.csv", "--keep", "k");
        Refused("error: --keep: expected other columns than the features x, each once, got 'x'", "--data", "q.csv", "--keep", "z,x");
        Refused("error: --keep: expected other columns than the features x, each once, got 'z'", "--data", "q.csv", "--keep", "z,z");
        _console.Write("taken.csv", "x,mean\n1,2\n");
        Refused("error: --keep: the predictions have a column 'mean' of their own", "--data", "taken.csv", "--keep", "all");

        void Refused(string message, params string[] arguments)
        {
            ConsoleProcess.Result result = _console.Run(["predict", "--model", "run/model.safetensors", .. arguments]);
            Assert.Equal((2, message), (result.ExitCode, result.Error.TrimEnd()));
        }
    }

    [Fact]
    public void Dialect_IsThatOfTheQueries()
    {
        _console.Write("preise.csv", "Ort;Fläche;Preis\n\"A;1\";1.000,5;200.000,25\nB;1.200;210.000\nC;900,5;190.500\nD;1.500;250.000\n");
        string[] german = ["preise.csv", "--delimiter", ";", "--decimal-comma", "--thousands", "."];
        string[] columns = ["--x", "Fläche", "--y", "Preis", "--no-plots", "--quiet"];
        Assert.Equal(0, _console.Run(["fit", .. german, .. columns, "--bandwidth", "500", "--out", "fitted"]).ExitCode);
        Assert.Equal(0, _console.Run(["train", .. german, .. columns, "--epochs", "1", "--out", "trained"]).ExitCode);
        foreach ((string model, string predicted) in new[] { ("fitted", "mean;se;lower;upper;neighbours;flag"), ("trained", "mean;flag") })
        {
            string output = _console.Run(["predict", .. german, "--model", $"{model}/model.safetensors", "--keep", "all"]).Output;
            string[] lines = output.Split(Environment.NewLine);
            Assert.Equal($"Ort;Fläche;Preis;{predicted}", lines[0]);
            Assert.Matches("^\"A;1\";1000,5;200\\.000,25;[0-9]+,[0-9]+;", lines[1]);
        }

        ConsoleProcess.Result refused = _console.Run(["fit", "preise.csv", "--delimiter", ";", .. columns, "--out", "refused"]);
        Assert.Equal(
            (2, "error: preise.csv, row 2, column 'Fläche': expected a number, found '1.000,5'; --decimal-comma and --thousands say how "
                + "numbers are written"),
            (refused.ExitCode, refused.Error.TrimEnd()));
    }

    [Fact]
    public void Predictions_AreOfTheFormatOfTheFilesEnding()
    {
        Fit("0,1\n1,2\n2,3\n3,5\n", "--bandwidth", "1", "--kernel", "boxcar");
        _console.Write("q.csv", "name,x\n\"say \"\"a\"\"\",0.5\nb,99\n");
        string[] predict = ["predict", "q.csv", "--model", "run/model.safetensors", "--keep", "all", "--out"];
        Assert.All(["p.json", "p.jsonl", "p.csv", "p"], file => Assert.Equal(0, _console.Run([.. predict, file]).ExitCode));
        Assert.Equal(File.ReadAllText(_console.PathOf("p.csv")), File.ReadAllText(_console.PathOf("p")));

        using var list = JsonDocument.Parse(File.ReadAllText(_console.PathOf("p.json")));
        JsonElement first = list.RootElement[0];
        Assert.Equal(
            ["name", "x", "mean", "se", "lower", "upper", "neighbours", "flag"], first.EnumerateObject().Select(property => property.Name));
        Assert.Equal(("say \"a\"", 0.5, 1.5), (first.GetProperty("name").GetString(), first.GetProperty("x").GetDouble(),
            first.GetProperty("mean").GetDouble()));
        Assert.Equal(JsonValueKind.Null, list.RootElement[1].GetProperty("mean").ValueKind);
        Assert.Equal("no_neighbour", list.RootElement[1].GetProperty("flag").GetString());
        Assert.Equal(
            list.RootElement.EnumerateArray().Select(row => row.GetRawText()), _console.ReadLines("p.jsonl"));

        _console.Write("q.csv", "name,x\n");
        Assert.Equal(0, _console.Run([.. predict, "none.json"]).ExitCode);
        Assert.Equal("[\n]\n", File.ReadAllText(_console.PathOf("none.json")));
        ConsoleProcess.Result refused = _console.Run([.. predict, "p.xlsx"]);
        Assert.Equal(
            (2, "error: --out: expected a file that ends in one of .csv, .json, .jsonl, .parquet, got 'p.xlsx'"),
            (refused.ExitCode, refused.Error.TrimEnd()));
    }

    [Fact]
    public void Notes_SayWhatTheNumbersDoNot()
    {
        var random = new Random(1);
        double[] places = [.. Enumerable.Range(0, 40).Select(_ => random.NextDouble())];

        // No noise: every row is best predicted by itself.
        Assert.Matches("note: 59\\.[0-9]+ degrees of freedom for 60 rows", Fit(Rows(60, i => i / 10.0, x => 1 + (2 * x)), "--degree", "0"));
        Assert.Contains(
            "were looked at, and the narrowest predicts best: rows at one place predict each other, which --leave-out-ties prevents",
            Fit(Rows(80, i => places[i / 2], x => (2 * x) + Math.Sin(1e3 * x)), "--degree", "0"), StringComparison.Ordinal);
        Assert.Contains(
            "were looked at, and the widest predicts best: nothing but a straight line of x helps to predict y",
            Fit(Rows(60, i => i, x => (2 * x) + (x % 2)), "--degree", "1"), StringComparison.Ordinal);
        Assert.Contains(
            "were looked at, and the widest predicts best: x does not help to predict y",
            Fit(Rows(60, i => i, x => x % 2), "--degree", "1", "--ridge", "0.25"), StringComparison.Ordinal);
        Assert.Contains("RMSE: 0 with 1, 0 with 2", Fit(Rows(20, i => i, _ => 5)), StringComparison.Ordinal);
        IEnumerable<string> days = Enumerable.Range(0, 40).Select(i => $"2026-{1 + (i / 28)}-{1 + (i % 28)},{i % 3}");
        Assert.Contains("row 42 (x = 2199-01-01)", Fit(string.Join('\n', days.Append("2199-1-1,1"))), StringComparison.Ordinal);
        Assert.DoesNotContain("note:", Fit(Rows(60, i => i / 10.0, x => Math.Sin(x) + random.NextDouble())), StringComparison.Ordinal);

        static string Rows(int count, Func<int, double> x, Func<double, double> y) =>
            string.Join('\n', Enumerable.Range(0, count).Select(i => FormattableString.Invariant($"{x(i)},{y(x(i))}")));
    }

    [Fact]
    public void Evaluate_SaysWhereItIsWorseThanTheMeanAndByWhichRows()
    {
        // The last row lies beyond the others, where the line through the two nearest goes astray.
        _console.Write("thin.csv", "x,y\n0,1\n1,2\n2,1\n3,2\n4,1\n5,2\n6,1\n7,2\n40,1.5\n");
        ConsoleProcess.Result astray = _console.Run(
            "evaluate", "--data", "thin.csv", "--degree", "1", "--bandwidth", "0.5", "--folds", "9");

        Assert.Contains(
            "note: these predictions are worse than the mean of the target, most of all at row 10 (x = 40)", astray.Output,
            StringComparison.Ordinal);
        Assert.Contains("try --ridge 0.25, --degree 0 or a wider --bandwidth", astray.Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(_console.Run("evaluate", "--data", "mcycle", "--json").Output);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("note").ValueKind);
    }

    [Fact]
    public void Compare_EvaluatesOtherModelsOnTheSameParts()
    {
        string[] evaluate = ["evaluate", "mcycle", "--bandwidth", "2", "--seed", "3", "--json"];
        using var both = JsonDocument.Parse(
            _console.Run([.. evaluate, "--compare", "degree=0 kernel=epanechnikov", "--compare", "bandwidth=4"]).Output);
        using var other = JsonDocument.Parse(_console.Run([.. evaluate, "--degree", "0", "--kernel", "epanechnikov"]).Output);
        using var wider = JsonDocument.Parse(_console.Run("evaluate", "mcycle", "--bandwidth", "4", "--seed", "3", "--json").Output);

        JsonElement[] compared = [.. both.RootElement.GetProperty("compared").EnumerateArray()];
        Assert.Equal(["degree=0 kernel=epanechnikov", "bandwidth=4"], compared.Select(one => one.GetProperty("options").GetString()));
        double rmse(JsonElement one) => one.GetProperty("rmse").GetDouble();
        Assert.Equal((rmse(other.RootElement), rmse(wider.RootElement)), (rmse(compared[0]), rmse(compared[1])));
        double excess = compared[1].GetProperty("excess").GetDouble();
        Assert.Equal(Math.Pow(rmse(compared[1]), 2) - Math.Pow(rmse(both.RootElement), 2), excess, 1e-9);
        Assert.True(compared[1].GetProperty("excess_standard_error").GetDouble() > 0);

        string printed = _console.Run("evaluate", "mcycle", "--bandwidth", "2", "--compare", "degree=0").Output;
        Assert.Contains("above the first", printed, StringComparison.Ordinal);
    }

    private const string Unknown =
        "--compare: expected options of the fit without their dashes, such as 'degree=0 kernel=epanechnikov', got ";

    [Theory]
    [InlineData("", "--compare: expected options of the fit, such as 'degree=0 kernel=epanechnikov', got ''")]
    [InlineData("degre=0", Unknown + "'degre=0'")]
    [InlineData("folds=3", Unknown + "'folds=3'")]
    [InlineData("degree=7", "--degree: expected 0, 1, 2, 3 or auto, got '7'")]
    [InlineData("bandwidth=1,2", "--bandwidth: expected one bandwidth or one for each of times, got 2")]
    public void Compare_OfSomethingElseIsRefused(string text, string line)
    {
        ConsoleProcess.Result result = _console.Run("evaluate", "mcycle", "--compare", text);
        Assert.Equal((2, $"error: {line}"), (result.ExitCode, result.Error.Trim()));
    }

    [Fact]
    public void Config_HasWhatChangesTheResult()
    {
        _console.Write("d.csv", "x;y;s\n1;2,5;1\n2;;1\n3;4;2\n4;1;1\n");
        Assert.Equal(0, _console.Run(
            "fit", "--data", "d.csv", "--x", "x", "--y", "y", "--weights", "s", "--delimiter", ";", "--decimal-comma", "--missing", "drop",
                "--level", "0.5", "--bandwidth", "2", "--no-plots", "--out", "run").ExitCode);
        using var json = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/config.json")));
        JsonElement config = json.RootElement;

        Assert.Equal(
            ("s", ";", "drop", 0.5, true),
            (config.GetProperty("weights").GetString(), config.GetProperty("delimiter").GetString(),
            config.GetProperty("missing").GetString(), config.GetProperty("level").GetDouble(),
            config.GetProperty("decimal_comma").GetBoolean()));
    }

    [Fact]
    public void Bandwidth_FitsANarrowTerminalAndNamesTheBest()
    {
        string[] lines = _console.Run(
            "bandwidth", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--degree", "1").Output.TrimEnd('\n').Split('\n');

        Assert.Equal("ethanol: 88 rows, gaussian kernel, local linear", lines[0]);
        Assert.All(lines.Where(line => line.Length > 0 && !char.IsAsciiLetter(line[0])), line => Assert.InRange(line.Length, 0, 80));
        Assert.Contains(
            lines, line => line.StartsWith("loo: h of E from ", StringComparison.Ordinal)
            && line.EndsWith(" is as good, within one standard error", StringComparison.Ordinal));
        Assert.Equal(6 + 4, lines.Count(line => line.Length > 0 && "╭├│╰".Contains(line[0], StringComparison.Ordinal)));
        Assert.Matches("^│ loo \\* ", Assert.Single(lines, line => line.Contains('*', StringComparison.Ordinal) && line[0] == '│'));
    }

    [Fact]
    public void Evaluate_HoldsOutAsManyPartsAsThereAreRows()
    {
        _console.Write("three.csv", "x,y\n1,2\n2,3\n3,4\n");
        _console.Write("one.csv", "x,y\n1,2\n");

        Assert.Equal(0, _console.Run("evaluate", "--data", "three.csv", "--bandwidth", "1").ExitCode);
        ConsoleProcess.Result one = _console.Run("evaluate", "--data", "one.csv", "--bandwidth", "1");
        Assert.Equal(
            (2, "error: one.csv: expected at least 2 rows, of which some can be held out, found 1"), (one.ExitCode, one.Error.TrimEnd()));
    }

    private string Fit(string rows, params string[] arguments)
    {
        _console.Write("d.csv", $"x,y\n{rows}\n");
        if (Directory.Exists(_console.PathOf("run")))
        {
            Directory.Delete(_console.PathOf("run"), recursive: true);
        }

        ConsoleProcess.Result result = _console.Run(["fit", "--data", "d.csv", "--no-plots", "--out", "run", .. arguments]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }
}
