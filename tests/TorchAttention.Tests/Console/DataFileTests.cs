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
