using System.Text.Json;
using Parquet.Schema;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Features that are categories.</summary>
public sealed class CategoriesTests : IDisposable
{
    private static readonly string[] _fit =
        ["fit", "data.csv", "--x", "x,store,size", "--y", "y", "--ordered", "size=S,M,L", "--bandwidth", "0.5", "--out", "run"];

    private readonly ConsoleProcess _console = new();

    public CategoriesTests()
    {
        var random = new Random(1);
        IEnumerable<string> rows = Enumerable.Range(0, 60).Select(i =>
        {
            (double x, int store, int size) = (random.NextDouble(), random.Next(2), random.Next(3));
            return string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{x},{(store == 0 ? "north" : "south")},{"SML"[size]},{x + (2 * store) + size + (0.1 * random.NextDouble())}");
        });
        _console.Write("data.csv", string.Join('\n', rows.Prepend("x,store,size,y")));
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void TextIsACategory_AndPredictsByItsLevels()
    {
        ConsoleProcess.Result fit = _console.Run([.. _fit, "--json"]);
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        using JsonDocument json = JsonDocument.Parse(fit.Output);
        Assert.Equal(
            ["number", "category", "category"], json.RootElement.GetProperty("x_kinds").EnumerateArray().Select(kind => kind.GetString()));
        Assert.Equal(
            ["S", "M", "L"], json.RootElement.GetProperty("levels").GetProperty("size").EnumerateArray().Select(one => one.GetString()));
        Assert.InRange(json.RootElement.GetProperty("lambda")[1].GetDouble(), 0, 0.1);
        Assert.Contains("north", _console.ReadLines("run/fitted.csv")[1..].First(row => row.Contains("north", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        Assert.Contains("south (n = ", File.ReadAllText(_console.PathOf("run/plots/effects.svg")), StringComparison.Ordinal);

        _console.Write("queries.csv", "size,x,store\nL,0.5,north\nL,0.5,south\n");
        string[] rows = Predict("queries.csv");
        Assert.StartsWith("x,store,size,mean,se,lower,upper", rows[0], StringComparison.Ordinal);
        Assert.StartsWith("0.5,north,L,2.", rows[1], StringComparison.Ordinal);
        Assert.StartsWith("0.5,south,L,4.", rows[2], StringComparison.Ordinal);

        _console.Write("unseen.csv", "x,store,size\n0.5,east,L\n");
        Assert.Equal(
            "error: unseen.csv, row 2, column 'store': expected one of the model's levels north, south, found 'east'; "
                + "--unseen mean weighs all levels alike there",
            _console.Run("predict", "unseen.csv", "--model", "run/model.safetensors").Error.TrimEnd());
        Assert.StartsWith("0.5,east,L,3.", Predict("unseen.csv", "--unseen", "mean", "--interval", "new")[1], StringComparison.Ordinal);
        string[] slopes = Predict("queries.csv", "--slopes", "--interval", "mean");
        Assert.StartsWith(
            "x,store,size,mean,se,lower,upper,slope_x,se_slope_x,lower_slope_x,upper_slope_x,", slopes[0], StringComparison.Ordinal);
        Assert.All(slopes[1..], row => Assert.DoesNotContain("NaN", row, StringComparison.Ordinal));
        Assert.Equal(
            "error: --interval new-quantiles: expected a model of numbers, got one with categories, which has --interval plain, mean and "
                + "new",
            _console.Run("predict", "queries.csv", "--model", "run/model.safetensors", "--interval", "new-quantiles").Error.TrimEnd());
        Assert.Equal(
            (0, ""),
            _console.Run([.. _fit[..^1], "flat", "--kernel", "epanechnikov", "--degree", "0", "--no-plots", "--quiet"]) is var fitted
                ? (fitted.ExitCode, fitted.Error) : default);
        Assert.Equal(
            "error: --slopes: expected the degree 1 or above, or the Gaussian kernel, got the degree 0 and the epanechnikov kernel",
            _console.Run("predict", "queries.csv", "--model", "flat/model.safetensors", "--slopes").Error.TrimEnd());
    }

    [Fact]
    public void ALine_IsFittedSavedAndCompared()
    {
        ConsoleProcess.Result fit = _console.Run([.. _fit, "--degree", "auto", "--json"]);
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        using JsonDocument json = JsonDocument.Parse(fit.Output);
        Assert.Equal(2, json.RootElement.GetProperty("degrees_tried").GetArrayLength());
        Assert.InRange(json.RootElement.GetProperty("degree").GetInt32(), 1, 2);
        Assert.Equal(0.25, json.RootElement.GetProperty("ridge").GetDouble());
        Assert.Equal(0, _console.Run([.. _fit[..^2], "--degree", "1", "--out", "line", "--no-plots"]).ExitCode);
        _console.Write("at.csv", "x,store,size\n0.5,north,L\n");
        string row = _console.Run("predict", "at.csv", "--model", "line/model.safetensors").Output.Split('\n')[1];
        Assert.InRange(double.Parse(row.Split(',')[3], System.Globalization.CultureInfo.InvariantCulture), 2.4, 2.7);
        Assert.Contains(
            "degree=1",
            _console.Run(["evaluate", .. _fit[1..^2], "--folds", "3", "--compare", "degree=1"]).Output, StringComparison.Ordinal);
    }

    // What is not said of the degree is as without categories, by the columns of numbers: five have too many terms for degree 2.
    [Theory]
    [InlineData(1, null, 2)]
    [InlineData(4, null, 2)]
    [InlineData(5, 1, 0)]
    public void TheDegree_IsFoundUnlessGiven(int numbers, int? degree, int tried)
    {
        string[] names = [.. Enumerable.Range(0, numbers).Select(j => $"x{j}")];
        IEnumerable<string> rows = Enumerable.Range(0, 40).Select(i => string.Join(',', [
            .. names.Select((_, j) => $"{(i * (j + 3)) + (i * i % 7)}"), i % 2 == 0 ? "a" : "b", $"{i + (i % 3)}"]));
        _console.Write("many.csv", string.Join('\n', rows.Prepend(string.Join(',', [.. names, "store", "y"]))));
        string[] options = ["many.csv", "--x", string.Join(',', [.. names, "store"]), "--y", "y", "--bandwidth", "40"];

        ConsoleProcess.Result fit = _console.Run(["fit", .. options, "--no-plots", "--out", "many"]);

        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        Assert.Equal(tried > 0, fit.Output.Contains("degree found by", StringComparison.Ordinal));
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("many/summary.json")));
        Assert.Equal(tried, summary.RootElement.GetProperty("degrees_tried").GetArrayLength());
        Assert.Equal(tried > 0 ? 40 : 0, summary.RootElement.GetProperty("degrees_tried_on").GetInt32());
        Assert.InRange(summary.RootElement.GetProperty("degree").GetInt32(), degree ?? 1, degree ?? 2);
        Assert.Equal(0.25, summary.RootElement.GetProperty("ridge").GetDouble());
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(_console.PathOf("many/config.json")));
        Assert.Equal(tried > 0, config.RootElement.GetProperty("degree_auto").GetBoolean());
        string[] said = tried > 0 ? ["--degree", "auto"] : ["--degree", "1", "--ridge", "0.25"];
        string[] evaluate = ["evaluate", .. options, "--folds", "3", "--json"];
        Assert.Equal(Rmse([.. evaluate, .. said]), Rmse(evaluate));
    }

    private double Rmse(string[] arguments)
    {
        using JsonDocument json = JsonDocument.Parse(_console.Run(arguments).Output);
        return json.RootElement.GetProperty("rmse").GetDouble();
    }

    [Fact]
    public void NumbersAreACategory_WhereAsked()
    {
        _console.Write("codes.csv", "x,code,y\n1,10,1\n2,20,5\n3,10,3\n4,20,7\n5,10,5\n6,20,9\n");
        ConsoleProcess.Result fit = _console.Run(
            "fit", "codes.csv", "--x", "x,code", "--y", "y", "--category", "code", "--bandwidth", "1", "--no-plots", "--out", "codes");
        Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
        Assert.Contains("lambda of code", fit.Output, StringComparison.Ordinal);
        Assert.Contains("2 levels", fit.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--ridge 0.5 --degree 0", "--ridge: expected the degree 1, 2, 3 or auto beside it, got 0: a mean has no slope to hold")]
    [InlineData("--period x=1", "--period: expected features of numbers beside the category 'store'")]
    [InlineData("--category z", "--category, --ordered: expected one of the features x, store, size, got 'z'")]
    [InlineData("--ordered store=north", "--ordered: expected a column and its levels in order, such as size=S,M,L, got 'store=north'")]
    [InlineData(
        "--ordered store=north,west", "data.csv, column 'store': expected one of the levels of --ordered, north, west, found 'south'")]
    [InlineData("--category size", "--ordered: expected the category 'size' once, got it twice")]
    [InlineData("--log-y", "--log-y: expected features of numbers beside the category 'store'")]
    public void WhatIsNotForCategories_IsRefused(string options, string error)
    {
        ConsoleProcess.Result found = _console.Run([.. _fit, .. options.Split(' ')]);
        Assert.Equal(2, found.ExitCode);
        Assert.StartsWith($"error: {error}", found.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_console.PathOf("run")));
    }

    [Fact]
    public void Evaluate_AndItsComparison_TakeCategories()
    {
        string[] options = ["evaluate", .. _fit[1..^2], "--folds", "4"];
        ConsoleProcess.Result found = _console.Run([.. options, "--compare", "kernel=epanechnikov", "--json"]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using JsonDocument json = JsonDocument.Parse(found.Output);
        Assert.InRange(json.RootElement.GetProperty("rmse").GetDouble(), 0.02, 0.3);
        JsonElement first = json.RootElement.GetProperty("lambdas")[3];
        Assert.Equal(JsonValueKind.Null, first[0].ValueKind);
        Assert.InRange(first[1].GetDouble(), 0, 0.1);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("bandwidths")[0][1].ValueKind);
        Assert.Equal("kernel=epanechnikov", json.RootElement.GetProperty("compared")[0].GetProperty("options").GetString());
        Assert.Contains("lambda of size", _console.Run(options).Output, StringComparison.Ordinal);
        Assert.Equal(
            "error: --period: expected features of numbers beside the category 'store'",
            _console.Run([.. options, "--compare", "period=x=1"]).Error.TrimEnd());
        Assert.Equal(
            "error: --by: expected features of numbers beside the category 'store'",
            _console.Run("evaluate", "data.csv", "--x", "x,store", "--y", "y", "--by", "size").Error.TrimEnd());
    }

    [Fact]
    public void Bandwidth_ComparesTheRulesThatApply()
    {
        string[] options = ["bandwidth", .. _fit[1..^4]];
        ConsoleProcess.Result found = _console.Run([.. options, "--json"]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        using JsonDocument json = JsonDocument.Parse(found.Output);
        JsonElement rules = json.RootElement.GetProperty("rules");
        Assert.Equal(["loo", "aicc", "gcv", "silverman", "scott"], rules.EnumerateObject().Select(rule => rule.Name));
        double least = rules.GetProperty("loo").GetProperty("leave_one_out_rmse").GetDouble();
        Assert.All(rules.EnumerateObject(), rule =>
            Assert.True(rule.Value.GetProperty("leave_one_out_rmse").GetDouble() >= least * (1 - 1e-6), rule.Name));
        Assert.InRange(rules.GetProperty("aicc").GetProperty("lambda")[1].GetDouble(), 0, 0.1);
        Assert.Contains("lambda", _console.Run(options).Output, StringComparison.Ordinal);
    }

    // A row is named by what its file has.
    [Fact]
    public void CountsThatAreNone_AreNamedWithTheirLevels()
    {
        _console.Write("counts.csv", "x,store,y\n1,north,1\n2,south,0.5\n3,north,2\n");
        Assert.EndsWith(
            "got 0.5 in row 3 (x = 2, store = south)",
            _console.Run("fit", "counts.csv", "--x", "x,store", "--y", "y", "--family", "poisson").Error.TrimEnd(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void AFeatureOfNumbers_IsNeeded() =>
        Assert.StartsWith("error: --x: expected a feature of numbers as well beside the category 'store'",
            _console.Run("fit", "data.csv", "--x", "store", "--y", "y").Error, StringComparison.Ordinal);

    // 17:30 of a day, an hour and a half, a code, a name that may be missing: the same in CSV and in Parquet's own types.
    [Fact]
    public void Parquet_HasWhatCsvHas_AndMissingIsALevel()
    {
        const int count = 30;
        var begin = new DateTime(2026, 1, 1, 17, 30, 0, DateTimeKind.Utc);
        DateTime[] days = [.. Enumerable.Range(0, count).Select(i => begin.AddDays(i))];
        TimeSpan[] spans = [.. Enumerable.Range(0, count).Select(i => TimeSpan.FromMinutes(90 * (i % 7)))];
        int[] codes = [.. Enumerable.Range(0, count).Select(i => 10 * (i % 2))];
        string?[] stores = [.. Enumerable.Range(0, count).Select(i => i % 3 == 0 ? null : i % 3 == 1 ? "a" : "b")];
        double[] y = [.. Enumerable.Range(0, count).Select(i => Math.Sin(i) + codes[i] + (stores[i]?.Length ?? 5))];
        DataField[] fields =
        [
            new DataField<DateTime>("day"), new TimeDataField("span", TimeUnitPrecision.Millis), new DataField<int>("code"),
            new DataField<string>("store"), new DataField<double>("y"),
        ];
        Written.Parquet(_console.PathOf("d.parquet"), fields, (group, field) => field.Name switch
        {
            "day" => group.WriteAsync<DateTime>(field, days.AsMemory()),
            "span" => group.WriteAsync<int>(field, spans.Select(span => (int)span.TotalMilliseconds).ToArray().AsMemory()),
            "code" => group.WriteAsync<int>(field, codes.AsMemory()),
            "store" => group.WriteAsync(field, stores),
            _ => group.WriteAsync<double>(field, y.AsMemory()),
        });
        _console.Write("d.csv", "day,span,code,store,y\n" + string.Concat(Enumerable.Range(0, count).Select(i => string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{days[i]:yyyy-MM-ddTHH:mm:ss},{(int)spans[i].TotalHours}:{spans[i].Minutes:00},{codes[i]},{stores[i]},{y[i]:R}\n"))));
        foreach (string format in (string[])["csv", "parquet"])
        {
            ConsoleProcess.Result fit = _console.Run(
                "fit", $"d.{format}", "--x", "day,span,code,store", "--y", "y", "--category", "code", "--missing", "level", "--bandwidth",
                "3,2", "--out", format, "--no-plots");
            Assert.Equal((0, ""), (fit.ExitCode, fit.Error));
            Assert.Contains("3 levels", fit.Output, StringComparison.Ordinal);
        }

        Assert.Equal(_console.ReadLines("csv/fitted.csv"), _console.ReadLines("parquet/fitted.csv"));
        Assert.Contains(",(missing),", _console.ReadLines("csv/fitted.csv")[1], StringComparison.Ordinal);
        string[] queries = [.. Enumerable.Range(1, 4).Select(i => _console.ReadLines("d.csv")[i])];
        _console.Write("q.csv", "day,span,code,store,y\n" + string.Join('\n', queries));
        ConsoleProcess.Result predicted = _console.Run("predict", "q.csv", "--model", "parquet/model.safetensors");
        Assert.Equal((0, ""), (predicted.ExitCode, predicted.Error));
    }

    // The kind of a column that begins with nothing is found out later; a number that is missing is an error as ever.
    [Fact]
    public void MissingNumbers_AreNoLevel()
    {
        _console.Write("n.csv", "x,g,y\n1,,2\n2,3,4\n3,4,5\n");
        Assert.Equal(
            "error: n.csv, row 2, column 'g': expected a number, found nothing",
            _console.Run("fit", "n.csv", "--x", "x,g", "--y", "y", "--missing", "level").Error.TrimEnd());
        _console.Write("l.csv", "x,g,y\n1,,2\n2,a,4\n3,,5\n4,a,3\n5,b,1\n");
        Assert.Contains(
            "3 levels",
            _console.Run("fit", "l.csv", "--x", "x,g", "--y", "y", "--missing", "level", "--bandwidth", "1", "--no-plots").Output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("y", "--x", "x,store")]
    [InlineData("yes", "--x", "x", "--family", "binomial")]
    public void RowsOfWeight0_CountForNothing_AndArePredicted(string target, params string[] more)
    {
        string[] rows = [.. Enumerable.Range(0, 40).Select(i => $"{i % 7 + (0.1 * i)},{"ab"[i % 2]},{i % 5},{i * i % 11 % 2},{i % 4}")];
        _console.Write("w.csv", string.Join('\n', rows.Prepend("x,store,y,yes,w")));
        _console.Write("left.csv", string.Join('\n', rows.Where((_, i) => i % 4 > 0).Prepend("x,store,y,yes,w")));
        string[] fit = ["--y", target, "--weights", "w", .. more];

        foreach (string data in (string[])["w", "left"])
        {
            Assert.Equal((0, ""), Run(["fit", $"{data}.csv", "--out", data, "--no-plots", .. fit]));
        }

        using JsonDocument all = JsonDocument.Parse(File.ReadAllText(_console.PathOf("w/summary.json")));
        using JsonDocument left = JsonDocument.Parse(File.ReadAllText(_console.PathOf("left/summary.json")));
        Assert.Equal(left.RootElement.GetProperty("bandwidth").ToString(), all.RootElement.GetProperty("bandwidth").ToString());
        Assert.Equal(
            left.RootElement.GetProperty("effective_degrees_of_freedom").GetDouble(),
            all.RootElement.GetProperty("effective_degrees_of_freedom").GetDouble());
        Assert.Equal(41, _console.ReadLines("w/fitted.csv").Length);
        Assert.DoesNotContain("NaN", File.ReadAllText(_console.PathOf("w/fitted.csv")), StringComparison.Ordinal);
        Assert.Equal((0, ""), Run(["evaluate", "w.csv", .. fit]));
        Assert.Equal((0, ""), Run(["bandwidth", "w.csv", .. fit]));

        (int, string) Run(string[] arguments) => _console.Run(arguments) is var run ? (run.ExitCode, run.Error) : default;
    }

    private string[] Predict(string queries, params string[] more)
    {
        ConsoleProcess.Result found = _console.Run(["predict", queries, "--model", "run/model.safetensors", .. more]);
        Assert.Equal((0, ""), (found.ExitCode, found.Error));
        return found.Output.TrimEnd().Split(Environment.NewLine);
    }
}
