using System.Globalization;
using System.Text.Json;
using Parquet.Schema;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Keys that are dates, times or durations, read once.</summary>
public sealed class OnePassTimesTests : OnePassConsole
{
    private const int Rows = 2000;
    private static readonly DateTime _start = new(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData("date", " days", "2024-02-10T10:00:00")]
    [InlineData("instant", " days", "2024-02-10T10:00:00Z")]
    [InlineData("duration", " hours", "500:30:00")]
    public void Fit_FindsWhatItFindsInMemory(string kind, string unit, string query)
    {
        Write("rows.csv", kind, 0, Rows);
        Run("fit", "rows.csv", "--degree", "0", "--no-plots", "--quiet", "--out", "memory");
        string said = Run("fit", "rows.csv", "--one-pass", "--no-plots", "--out", "pass");

        Assert.Contains(unit, said, StringComparison.Ordinal);
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        Assert.Equal(kind, pass.RootElement.GetProperty("x_kinds")[0].GetString());
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(expected, pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-11 * expected);
        Console.Write("queries.csv", $"when\n{query}\n");
        Assert.Equal(MeanOf("memory"), MeanOf("pass"), 1e-4);
    }

    private double MeanOf(string run) => double.Parse(
        Run("predict", "--model", $"{run}/model.safetensors", "--data", "queries.csv").Split('\n')[1].Split(',')[1],
        CultureInfo.InvariantCulture);

    [Fact]
    public void PartsOfTimes_AddUp_AndNotToNumbers()
    {
        Write("one.csv", "date", 0, Rows / 2);
        Write("two.csv", "date", Rows / 2, Rows);
        Write("rows.csv", "date", 0, Rows);
        Run("moments", "one.csv", "--out", "one.moments", "--quiet");
        Run("moments", "two.csv", "--grid", "one.moments", "--out", "two.moments", "--quiet");
        Run("moments", "rows.csv", "--grid", "one.moments", "--out", "rows.moments", "--quiet");
        Run("fit", "--moments", "one.moments", "two.moments", "--out", "parts", "--no-plots", "--quiet");
        Run("fit", "--moments", "rows.moments", "--out", "whole", "--no-plots", "--quiet");
        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("whole/model.safetensors")), File.ReadAllBytes(Console.PathOf("parts/model.safetensors")));
        using JsonDocument parts = Summary("parts");
        Assert.Equal("date", parts.RootElement.GetProperty("x_kinds")[0].GetString());

        Console.Write("numbers.csv", "when,load\n19723,1\n19724,2\n");
        Run("moments", "numbers.csv", "--grid", "one.moments", "--out", "numbers.moments", "--quiet");
        ConsoleProcess.Result result = Console.Run("fit", "--moments", "one.moments", "numbers.moments", "--out", "both");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(
            "expected moments of the columns when (date), load as in one.moments, got when, load in numbers.moments",
            result.Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void TimesOfParquet_AreThoseOfCsv()
    {
        Write("rows.csv", "date", 0, Rows);
        DateTime[] times = [.. Enumerable.Range(0, Rows).Select(At)];
        double[] loads = [.. Enumerable.Range(0, Rows).Select(Load)];
        Written.Parquet(
            Console.PathOf("rows.parquet"),
            [new DataField<DateTime>("when"), new DataField<double>("load")],
            (group, field) => field.Name == "when"
                ? group.WriteAsync<DateTime>(field, times)
                : group.WriteAsync<double>(field, loads));
        foreach (string file in new[] { "rows.csv", "rows.parquet" })
        {
            Run("fit", file, "--one-pass", "--no-plots", "--quiet", "--out", file[5..]);
        }

        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("csv/model.safetensors")), File.ReadAllBytes(Console.PathOf("parquet/model.safetensors")));
    }

    [Fact]
    public void KernelThatEnds_TakesTimes()
    {
        Write("rows.csv", "date", 0, Rows);
        string said = Run("fit", "rows.csv", "--one-pass", "--kernel", "biweight", "--bandwidth", "2", "--out", "pass", "--no-plots");
        Assert.Contains("2 days", said, StringComparison.Ordinal);

        Console.Write("queries.csv", "when\n2024-01-20\n");
        string predicted = Run("predict", "--model", "pass/model.safetensors", "--data", "queries.csv");
        Assert.StartsWith("2024-01-20,", predicted.Split('\n')[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rows.csv, row 4, column 'when': expected a date", "2024-01-01", "2024-01-02", "Tuesday")]
    [InlineData("rows.csv, column 'when': expected numbers or times, found 'Monday'; a fit in memory takes categories", "Monday")]
    public void OtherKeys_AreRefusedInOneLine(string message, params string[] keys)
    {
        Console.Write("rows.csv", $"when,load\n{string.Concat(keys.Select(key => $"{key},1\n"))}");
        ConsoleProcess.Result result = Console.Run("fit", "rows.csv", "--one-pass", "--out", "run");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(Console.PathOf("run")));
    }

    private static DateTime At(int row) => _start.AddMinutes(30.5 * row);

    private static double Load(int row) => Math.Sin(row / 90.0) + ((row * 37 % 101) / 100.0);

    private void Write(string file, string kind, int from, int to)
    {
        IEnumerable<string> lines = Enumerable.Range(from, to - from).Select(row =>
        {
            TimeSpan apart = At(row) - _start;
            string when = kind switch
            {
                "duration" => string.Create(
                    CultureInfo.InvariantCulture, $"{(int)apart.TotalHours:00}:{apart.Minutes:00}:{apart.Seconds:00}"),
                "instant" => At(row).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
                _ => At(row).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture),
            };
            return string.Create(CultureInfo.InvariantCulture, $"{when},{Load(row):R}\n");
        });
        Console.Write(file, $"when,load\n{string.Concat(lines)}");
    }
}
