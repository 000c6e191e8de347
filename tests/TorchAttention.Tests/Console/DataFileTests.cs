using TorchAttention.Files;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Parquet, Arrow and Excel files wherever a CSV file goes.</summary>
public sealed class DataFileTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public static TheoryData<string> Endings => [.. TableFile.Endings];

    public void Dispose() => _console.Dispose();

    [Theory]
    [MemberData(nameof(Endings))]
    public void Fits_AreThoseOfTheCsvFile(string ending)
    {
        if (ending != ".parquet")
        {
            LongTests.SkipUnlessAskedFor();
        }

        File.Copy(Written.BuiltIn("mcycle"), _console.PathOf("data.csv"));
        Written.Copy(_console.PathOf("data.csv"), _console.PathOf($"data{ending}"));
        foreach (string file in new[] { "data.csv", $"data{ending}" })
        {
            Assert.Equal(new(0, "", ""), _console.Run("fit", file, "--quiet", "--no-plots", "--out", $"run-{file}"));
        }

        string run = $"run-data{ending}";
        Assert.Equal(_console.ReadLines("run-data.csv/fitted.csv"), _console.ReadLines($"{run}/fitted.csv"));
        string[] predict = ["--model", $"{run}/model.safetensors", "--keep", "accel"];
        ConsoleProcess.Result predicted = _console.Run(["predict", $"data{ending}", .. predict]);
        Assert.Equal(_console.Run(["predict", "data.csv", .. predict]), predicted);
        Assert.StartsWith("accel,times,mean,", predicted.Output, StringComparison.Ordinal);
        string[] evaluations = [.. new[] { "data.csv", $"data{ending}" }.Select(
            file => _console.Run("evaluate", file, "--json").Output.Replace(ending, ".csv", StringComparison.Ordinal))];
        Assert.Equal(evaluations[0].Split("\"seconds\"")[0], evaluations[1].Split("\"seconds\"")[0]);
    }

    [Fact]
    public void Trainings_ReadThemToo()
    {
        Written.Copy(Written.BuiltIn("mcycle"), _console.PathOf("data.parquet"));
        string[] options = ["--x", "times", "--y", "accel", "--epochs", "1", "--no-plots"];
        _console.Train("csv", ["--data", Written.BuiltIn("mcycle"), .. options]);
        _console.Train("parquet", ["--data", "data.parquet", .. options]);
        Assert.Equal(_console.ReadLines("csv/steps.csv"), _console.ReadLines("parquet/steps.csv"));
        Assert.Equal(0, _console.Run("train", "--resume", "parquet", "--epochs", "2", "--quiet", "--no-plots").ExitCode);
    }

    [Fact]
    public void Predictions_AreWrittenAsParquet()
    {
        Assert.Equal(0, _console.Run("fit", "mcycle", "--quiet", "--no-plots", "--model", "m.safetensors").ExitCode);
        _console.Write("q.csv", "note,times\na,2.4\n\"b,c\",1000\n,20\n");
        string[] predict = ["predict", "q.csv", "--model", "m.safetensors", "--keep", "note", "--out"];
        Assert.Equal(new(0, "", ""), _console.Run([.. predict, "p.parquet"]));
        Assert.Equal(new(0, "", ""), _console.Run([.. predict, "p.csv"]));
        string[] names = ["note", "times", "mean", "se", "lower", "upper", "neighbours", "flag"];
        using TableRows rows = TableFile.Open(_console.PathOf("p.parquet"));
        Assert.Equal(names, rows.Header);
        Assert.Equal(
            ReadTexts(TableFile.Open(_console.PathOf("p.csv")), names), ReadTexts(TableFile.Open(_console.PathOf("p.parquet")), names));
        Assert.Equal(2.4, TableFile.Read(_console.PathOf("p.parquet"), ["times"])[0][0]);

        // What is predicted is itself data.
        Assert.Equal(0, _console.Run("fit", "p.parquet", "--x", "times", "--y", "mean", "--missing", "drop", "--no-plots").ExitCode);
    }

    [Fact]
    public void TrainingOnManyColumns_DrawsWhatIsPredictedOverEach()
    {
        string[] train = ["--data", "iris", "--x", "Petal.Length,Petal.Width,Sepal.Length", "--y", "Sepal.Width", "--epochs", "1"];
        _console.Train("run", [.. train, "--model", "ard"]);
        string svg = File.ReadAllText(_console.PathOf("run/plots/effects.svg"));
        Assert.All(["Petal.Width", "Sepal.Length", "nonparametric", "ard"], name => Assert.Contains(name, svg, StringComparison.Ordinal));
        Assert.Equal(0, _console.Run("report", "run").ExitCode);
        string page = File.ReadAllText(_console.PathOf("run/report.html"));
        Assert.Contains("What each estimator predicts over each column", page, StringComparison.Ordinal);
    }

    [Fact]
    public void AxesOfPowers_AreForPositiveNumbers()
    {
        _console.Write("data.csv", "x,z,y\n0.1,1,5\n1,2,50\n10,4,500\n100,3,5000\n1000,5,40000\n");
        string[] fit = ["fit", "data.csv", "--x", "x", "--y", "y", "--bandwidth", "20", "--quiet"];
        Assert.Equal(new(0, "", ""), _console.Run([.. fit, "--log-x", "--log-y", "--out", "log"]));
        Assert.Contains("10,000", File.ReadAllText(_console.PathOf("log/plots/fit.svg")), StringComparison.Ordinal);
        Assert.Equal(new(0, "", ""), _console.Run([.. fit, "--out", "plain"]));
        Assert.Equal(_console.ReadLines("plain/fitted.csv"), _console.ReadLines("log/fitted.csv"));
        Assert.Equal(0, _console.Run("fit", "data.csv", "--x", "x,z", "--y", "y", "--bandwidth", "20", "--log-x", "--quiet").ExitCode);
        Assert.Equal(
            "error: --log-y: the pictures of 2 features have no axis of the target",
            _console.Run("fit", "data.csv", "--x", "x,z", "--y", "y", "--log-y").Error.TrimEnd());
        Assert.Equal(
            "error: --log-y: mcycle, column 'accel': expected positive numbers, found 0",
            _console.Run("fit", "mcycle", "--log-y").Error.TrimEnd());
        Assert.Equal(
            "error: --log-x: mcycle, column 'accel': expected positive numbers, found 0",
            _console.Run("fit", "mcycle", "--x", "accel", "--y", "times", "--log-x").Error.TrimEnd());
        Assert.Contains("pictures of classes", _console.Run(
            "fit", "iris", "--x", "Petal.Length", "--y", "Species", "--classes", "--log-y").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeRead_IsSaidInOneLine()
    {
        _console.Write("data.parquet", "x,y\n1,2\n");
        ConsoleProcess.Result damaged = _console.Run("fit", "data.parquet");
        Assert.Equal(2, damaged.ExitCode);
        const string expected = "error: data.parquet: expected a Parquet file, found other or damaged content (";
        Assert.StartsWith(expected, damaged.Error, StringComparison.Ordinal);

        Written.Write(_console.PathOf("gaps.xlsx"), ("x", [1, null, 3]), ("y", [1, 2, null]));
        Assert.Equal(
            "error: gaps.xlsx, row 3, column 'x': expected a number, found nothing; 2 rows miss one; --missing drop leaves such rows out",
            _console.Run("fit", "gaps.xlsx").Error.TrimEnd());
        Assert.Equal(
            "error: --out: expected a file that ends in one of .csv, .json, .jsonl, .parquet, got 'p.xlsx'",
            _console.Run("predict", "gaps.xlsx", "--model", "m", "--out", "p.xlsx").Error.TrimEnd());
    }

    private static List<string>[] ReadTexts(TableRows rows, string[] names)
    {
        using TableRows closed = rows;
        rows.Choose([]);
        rows.Keep(names);
        List<string>[] texts = [.. names.Select(_ => new List<string>())];
        rows.Read([], int.MaxValue, null, texts);
        return texts;
    }
}
