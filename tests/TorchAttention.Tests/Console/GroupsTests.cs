using System.Text.Json;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Fits with a curve for each group.</summary>
public sealed class GroupsTests : IDisposable
{
    private static readonly string[] _iris = ["iris", "--x", "Petal.Length", "--y", "Sepal.Width", "--by", "Species"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void AFit_HasACurveForEachGroup_AndPredictsByIt()
    {
        ConsoleProcess.Result fit = _console.Run(["fit", .. _iris, "--bandwidth", "0.4", "--degree", "1", "--out", "groups", "--json"]);
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        using JsonDocument summary = JsonDocument.Parse(fit.Output);
        JsonElement[] groups = [.. summary.RootElement.GetProperty("groups").EnumerateArray()];
        Assert.Equal(["setosa", "versicolor", "virginica"], groups.Select(group => group.GetProperty("group").GetString()));
        Assert.All(groups, group => Assert.Equal(50, group.GetProperty("rows").GetInt32()));
        string svg = File.ReadAllText(_console.PathOf("groups/plots/groups.svg"));
        Assert.All(["setosa", "versicolor", "virginica"], name => Assert.Contains($"{name} (n = 50)", svg, StringComparison.Ordinal));
        Assert.Equal(4, _console.ReadLines("groups/groups.csv").Length);
        Assert.Equal("Species,Petal.Length,Sepal.Width,fitted,residual", _console.ReadLines("groups/fitted.csv")[0]);

        // The same as a fit to the rows of one group.
        string[] rows = File.ReadAllLines(Written.BuiltIn("iris"));
        _console.Write("setosa.csv", string.Join('\n', rows.Where((row, i) => i == 0 || row.Contains("setosa", StringComparison.Ordinal))));
        string[] one = ["fit", "setosa.csv", "--x", "Petal.Length", "--y", "Sepal.Width", "--bandwidth", "0.4", "--degree", "1"];
        Assert.Equal(0, _console.Run([.. one, "--out", "one", "--no-plots", "--quiet"]).ExitCode);
        _console.Write("queries.csv", "Petal.Length,Species\n1.5,setosa\n4,versicolor\n");
        string[] together = Predict("groups", "queries.csv");
        Assert.StartsWith("Species,Petal.Length,mean,se,lower,upper", together[0], StringComparison.Ordinal);
        _console.Write("alone.csv", "Petal.Length\n1.5\n");
        Assert.Equal($"setosa,{Predict("one", "alone.csv")[1]}", together[1]);
        Assert.Equal("setosa," + _console.ReadLines("one/fitted.csv")[1], _console.ReadLines("groups/fitted.csv")[1]);
    }

    [Fact]
    public void GroupsShareABandwidth_WhereAsked()
    {
        ConsoleProcess.Result fit = _console.Run(
            ["fit", .. _iris, "--by-bandwidth", "shared", "--degree", "1", "--out", "shared", "--no-plots", "--json"]);
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        using JsonDocument summary = JsonDocument.Parse(fit.Output);
        Assert.Single(summary.RootElement.GetProperty("groups").EnumerateArray()
            .Select(group => group.GetProperty("bandwidth")[0].GetDouble()).Distinct());
        Assert.Equal("shared", summary.RootElement.GetProperty("by_bandwidth").GetString());
        Assert.Equal("loo", summary.RootElement.GetProperty("rule").GetString());
    }

    [Fact]
    public void Evaluating_SaysTheErrorOfEachGroup()
    {
        ConsoleProcess.Result found = _console.Run(["evaluate", .. _iris, "--bandwidth", "0.5", "--degree", "1", "--json"]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using JsonDocument json = JsonDocument.Parse(found.Output);
        double squares = json.RootElement.GetProperty("groups").EnumerateArray()
            .Sum(group => Math.Pow(group.GetProperty("rmse").GetDouble(), 2) * group.GetProperty("rows").GetInt32());
        Assert.Equal(Math.Sqrt(squares / 150), json.RootElement.GetProperty("rmse").GetDouble(), 12);
        Assert.Contains("RMSE of the groups' means", _console.Run(["evaluate", .. _iris, "--bandwidth", "0.5"]).Output,
            StringComparison.Ordinal);
    }

    // The same as the command on the rows of one group.
    [Fact]
    public void Bandwidth_HasARowForEachGroup()
    {
        string[] rows = File.ReadAllLines(Written.BuiltIn("iris"));
        _console.Write("setosa.csv", string.Join('\n', rows.Where((row, i) => i == 0 || row.Contains("setosa", StringComparison.Ordinal))));
        using var one = JsonDocument.Parse(
            _console.Run("bandwidth", "setosa.csv", "--x", "Petal.Length", "--y", "Sepal.Width", "--degree", "1", "--json").Output);
        ConsoleProcess.Result found = _console.Run(["bandwidth", .. _iris, "--degree", "1", "--json"]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using var all = JsonDocument.Parse(found.Output);
        JsonElement[] groups = [.. all.RootElement.GetProperty("groups").EnumerateArray()];
        Assert.Equal(["setosa", "versicolor", "virginica"], groups.Select(group => group.GetProperty("group").GetString()));
        foreach (JsonProperty rule in one.RootElement.GetProperty("rules").EnumerateObject())
        {
            JsonElement own = groups[0].GetProperty("rules").GetProperty(rule.Name);
            Assert.Equal(rule.Value.GetProperty("bandwidth")[0].GetDouble(), own.GetProperty("bandwidth")[0].GetDouble());
            Assert.Equal(
                rule.Value.GetProperty("leave_one_out_rmse").GetDouble(), own.GetProperty("leave_one_out_rmse").GetDouble());

            Assert.Equal(
                Math.Sqrt(groups.Average(group => Math.Pow(
                    group.GetProperty("rules").GetProperty(rule.Name).GetProperty("leave_one_out_rmse").GetDouble(), 2))),
                all.RootElement.GetProperty("rules").GetProperty(rule.Name).GetProperty("leave_one_out_rmse").GetDouble(), 1e-9);
        }

        _console.Write("data.csv", "x,y,g\n1,2,a\n2,3,a\n3,5,c\n4,4,c\n5,7,c\n6,1,b\n7,2,b\n8,4,b\n");
        string text = _console.Run("bandwidth", "data.csv", "--x", "x", "--y", "y", "--by", "g").Output;
        Assert.Contains("Bandwidths of x; * has", text, StringComparison.Ordinal);
        Assert.Contains("'a': fewer than 3 rows", text, StringComparison.Ordinal);
    }

    [Fact]
    public void SharedAndOwnBandwidths_AreComparedOnTheSameFolds()
    {
        string[] evaluate = ["evaluate", .. _iris, "--degree", "1", "--json"];
        ConsoleProcess.Result found = _console.Run([.. evaluate, "--compare", "by-bandwidth=shared", "--compare", "degree=0"]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using var json = JsonDocument.Parse(found.Output);
        using var shared = JsonDocument.Parse(_console.Run([.. evaluate, "--by-bandwidth", "shared"]).Output);
        JsonElement[] compared = [.. json.RootElement.GetProperty("compared").EnumerateArray()];
        Assert.Equal(2, compared.Length);
        Assert.Equal("own", json.RootElement.GetProperty("by_bandwidth").GetString());
        Assert.Equal("shared", compared[0].GetProperty("by_bandwidth").GetString());
        Assert.Equal(shared.RootElement.GetProperty("rmse").GetDouble(), compared[0].GetProperty("rmse").GetDouble());
        Assert.Equal(
            Math.Pow(shared.RootElement.GetProperty("rmse").GetDouble(), 2) - Math.Pow(json.RootElement.GetProperty("rmse").GetDouble(), 2),
            compared[0].GetProperty("excess").GetDouble(), 1e-9);
        Assert.Equal("own", compared[1].GetProperty("by_bandwidth").GetString());
        string text = _console.Run([.. evaluate[..^1], "--compare", "by-bandwidth=shared"]).Output;
        Assert.Contains("above the first", text, StringComparison.Ordinal);
        Assert.Contains("virginica", text, StringComparison.Ordinal);

        Assert.StartsWith(
            "error: --by-bandwidth shared: expected --bandwidth loo, kfold or numbers, got aicc",
            _console.Run([.. evaluate, "--compare", "by-bandwidth=shared bandwidth=aicc"]).Error, StringComparison.Ordinal);
        Assert.StartsWith(
            "error: --compare: expected options of the fit without their dashes",
            _console.Run("evaluate", "mcycle", "--compare", "by-bandwidth=shared").Error, StringComparison.Ordinal);
    }

    // The same as fits with that rule.
    [Fact]
    public void SharedBandwidths_AreThoseOfFits()
    {
        string[] shared = [.. _iris, "--by-bandwidth", "shared", "--degree", "1", "--json"];
        ConsoleProcess.Result found = _console.Run(["bandwidth", .. shared]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using var json = JsonDocument.Parse(found.Output);
        JsonElement rules = json.RootElement.GetProperty("rules");
        Assert.Equal(["loo", "kfold"], rules.EnumerateObject().Select(rule => rule.Name));
        foreach (JsonProperty rule in rules.EnumerateObject())
        {
            using var fit = JsonDocument.Parse(_console.Run(
                ["fit", .. shared, "--bandwidth", rule.Name, "--no-plots", "--out", rule.Name]).Output);
            double h = fit.RootElement.GetProperty("groups")[0].GetProperty("bandwidth")[0].GetDouble();
            Assert.All(
                json.RootElement.GetProperty("groups").EnumerateArray(),
                group => Assert.Equal(h, group.GetProperty("rules").GetProperty(rule.Name).GetProperty("bandwidth")[0].GetDouble()));
            Assert.Equal(
                Math.Sqrt(fit.RootElement.GetProperty("leave_one_out_error").GetDouble()),
                rule.Value.GetProperty("leave_one_out_rmse").GetDouble(), 1e-12);
        }

        Assert.Contains(
            "with the same h of Petal.Length in all groups", _console.Run(["bandwidth", .. shared[..^1]]).Output, StringComparison.Ordinal);
        Assert.StartsWith(
            "error: --by-bandwidth: expected --by beside it", _console.Run("bandwidth", "mcycle", "--by-bandwidth", "shared").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void SmallGroups_AreNamed()
    {
        _console.Write("data.csv", "x,y,g\n1,2,a\n2,3,a\n3,5,c\n4,4,c\n5,7,c\n6,1,b\n6,2,b\n6,4,b\n");
        ConsoleProcess.Result fit = _console.Run("fit", "data.csv", "--x", "x", "--y", "y", "--by", "g", "--out", "few");
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        Assert.Contains("note: 2 groups without a curve: 'a' (fewer than 3 rows), 'b' (", fit.Output, StringComparison.Ordinal);
        Assert.EndsWith(",,", _console.ReadLines("few/fitted.csv")[1], StringComparison.Ordinal);

        _console.Write("queries.csv", "x,g\n3,c\n1,a\n1,d\n");
        Assert.Equal(
            "error: queries.csv, row 3, column 'g': expected a group with a curve (a has none: fewer than 3 rows), found 'a'; "
                + "--unknown-groups empty leaves what is predicted for such rows empty",
            _console.Run("predict", "queries.csv", "--model", "few/model.safetensors", "--out", "no.csv").Error.TrimEnd());
        Assert.False(File.Exists(_console.PathOf("no.csv")));
        string[] rows = Predict("few", "queries.csv", "--unknown-groups", "empty");
        Assert.Equal("a,1,NaN,NaN,NaN,NaN,0,no_group", rows[2]);
        Assert.EndsWith("no_group", rows[3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--by y", "--by: expected another column than the features, the target and the weights, got 'y'")]
    [InlineData("--by h", "data.csv: no column 'h'")]
    [InlineData("--by g", "data.csv, row 4, column 'g': expected text, found nothing; --missing drop leaves such rows out")]
    [InlineData("--by g --missing drop", "data.csv: expected a group that can have a curve, got fewer than 3 rows")]
    [InlineData("--by g --missing drop --by-bandwidth shared", "data.csv: expected a group of at least 3 examples, got none")]
    [InlineData("--by g --classes", "--by: expected a target of numbers, got classes")]
    [InlineData("--by g --one-pass", "--by: expected a fit in memory, got one in one pass")]
    [InlineData("--by-bandwidth shared", "--by-bandwidth: expected --by beside it, the column of the groups")]
    [InlineData("--by g --missing drop --by-bandwidth shared --bandwidth aicc",
        "--by-bandwidth shared: expected --bandwidth loo, kfold or numbers, got aicc")]
    public void WrongGroups_AreRefusedInALine(string options, string error)
    {
        _console.Write("data.csv", "x,y,g\n1,2,a\n2,3,a\n3,5,\n4,4,b\n");
        string[] data = ["fit", "data.csv", "--x", "x", "--y", "y", "--out", "no", .. options.Split(' ')];
        ConsoleProcess.Result found = _console.Run(data);
        Assert.Equal(2, found.ExitCode);
        Assert.StartsWith($"error: {error}", found.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_console.PathOf("no")));
    }

    [Fact]
    public void Queries_NeedTheColumnOfGroups()
    {
        Assert.Equal(0, _console.Run(["fit", .. _iris, "--bandwidth", "1", "--out", "g", "--no-plots", "--quiet"]).ExitCode);
        _console.Write("queries.csv", "Petal.Length\n1.5\n");
        Assert.StartsWith(
            "error: queries.csv: no column 'Species'",
            _console.Run("predict", "queries.csv", "--model", "g/model.safetensors").Error, StringComparison.Ordinal);
        Assert.Equal(0, _console.Run("fit", "mcycle", "--bandwidth", "1", "--out", "m", "--no-plots", "--quiet").ExitCode);
        Assert.StartsWith(
            "error: --unknown-groups: expected a model of groups",
            _console.Run("predict", "queries.csv", "--model", "m/model.safetensors", "--unknown-groups", "empty").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void GroupsOfSeveralFeatures_HaveSurfacesOrEffects()
    {
        string[] fit = ["fit", "iris", "--y", "Sepal.Width", "--by", "Species", "--bandwidth", "1", "--degree", "1", "--quiet"];
        Assert.Equal(new(0, "", ""), _console.Run([.. fit, "--x", "Petal.Length,Petal.Width", "--out", "two"]));
        Assert.Contains("setosa (n = 50)", File.ReadAllText(_console.PathOf("two/plots/groups.svg")), StringComparison.Ordinal);
        Assert.Equal(new(0, "", ""), _console.Run([.. fit, "--x", "Petal.Length,Petal.Width,Sepal.Length", "--out", "three"]));
        Assert.Contains(
            "the other features at their medians", File.ReadAllText(_console.PathOf("three/plots/groups.svg")), StringComparison.Ordinal);
    }

    private string[] Predict(string run, string queries, params string[] more)
    {
        ConsoleProcess.Result found = _console.Run(["predict", queries, "--model", $"{run}/model.safetensors", .. more]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        return found.Output.TrimEnd().Split(Environment.NewLine);
    }
}
