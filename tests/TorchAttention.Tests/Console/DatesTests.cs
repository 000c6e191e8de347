using System.Text.Json;
using Apache.Arrow;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Columns of dates, times and durations as features.</summary>
public sealed class DatesTests : IDisposable
{
    private const string Expected = "expected a date or a time without a time zone, such as 2026-11-26 or 2026-11-26T20:15";

    private static readonly string[] _fit = ["--bandwidth", "2", "--no-plots", "--quiet", "--out", "run"];

    private readonly ConsoleProcess _console = new();

    public DatesTests()
    {
        Write("d.csv", date => $"{date:yyyy-MM-dd}");
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Fit_CountsDays()
    {
        _console.Write("n.csv", $"day,y\n{string.Join('\n', Enumerable.Range(0, 40).Select(i => Invariant($"{20_000 + i},{Y(i)}")))}\n");
        Assert.Equal(0, _console.Run("fit", "n.csv", "--bandwidth", "2", "--no-plots", "--quiet", "--out", "numbers").ExitCode);

        Assert.Equal(0, _console.Run(["fit", "d.csv", .. _fit]).ExitCode);

        string[] lines = _console.ReadLines("run/fitted.csv");
        Assert.StartsWith("2024-10-04,", lines[1], StringComparison.Ordinal);
        Assert.Equal(
            _console.ReadLines("numbers/fitted.csv").Skip(1).Select(line => line.Split(',')[2]),
            lines.Skip(1).Select(line => line.Split(',')[2]));
        using var summary = JsonDocument.Parse(File.ReadAllText(_console.PathOf("run/summary.json")));
        Assert.Equal("date", summary.RootElement.GetProperty("x_kinds")[0].GetString());
        Assert.Contains("2 days", _console.Run("fit", "d.csv", "--bandwidth", "2", "--no-plots", "--out", "shown").Output);
    }

    [Fact]
    public void Predictions_HaveTheQueriesOwnText()
    {
        Assert.Equal(0, _console.Run(["fit", "d.csv", .. _fit]).ExitCode);
        _console.Write("q.csv", "note,day\na,12.10.2024\nb,2024-10-13T12:00\n");

        string[] lines = _console.Run("predict", "q.csv", "--model", "run/model.safetensors", "--keep", "all").Output.Split('\n');

        Assert.Equal("note,day,mean,se,lower,upper,neighbours,flag", lines[0].TrimEnd());
        Assert.StartsWith("a,12.10.2024,", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("b,2024-10-13T12:00,", lines[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5", "")]
    [InlineData("2024-10-13T12:00Z", "")]
    [InlineData("13/10/2024", "; --dates day-first or month-first says how others are read")]
    public void Queries_AreOfTheModelsKind(string field, string advice)
    {
        Assert.Equal(0, _console.Run(["fit", "d.csv", .. _fit]).ExitCode);
        _console.Write("q.csv", $"day\n2024-10-12\n{field}\n");

        ConsoleProcess.Result result = _console.Run("predict", "q.csv", "--model", "run/model.safetensors", "--out", "p.csv");

        Assert.Equal(
            (2, $"error: q.csv, row 3, column 'day': {Expected}, found '{field}'{advice}"), (result.ExitCode, result.Error.TrimEnd()));
        Assert.False(File.Exists(_console.PathOf("p.csv")));
    }

    [Fact]
    public void MixedColumns_AreRefusedByRow()
    {
        _console.Write("mixed.csv", "x,y\n2024-10-12,1\n7,2\n");
        _console.Write("other.csv", "x,y\n7,2\n2024-10-12,1\n");
        _console.Write("slash.csv", "x,y\n13/10/2024,2\n");
        _console.Write("target.csv", "x,y\n1,2024-10-12\n");

        Refused($"mixed.csv, row 3, column 'x': {Expected}, found '7'");
        Refused("other.csv, row 3, column 'x': expected a number, found '2024-10-12'");
        Refused(
            "slash.csv, row 2, column 'x': expected a date that begins with its year, found '13/10/2024'; --dates day-first or month-first "
                + "says how others are read");
        Refused("target.csv, row 2, column 'y': expected a number, found '2024-10-12'");

        void Refused(string message)
        {
            ConsoleProcess.Result result = _console.Run(["fit", message.Split(',')[0], .. _fit]);
            Assert.Equal((2, $"error: {message}"), (result.ExitCode, result.Error.TrimEnd()));
        }
    }

    [Fact]
    public void Slashes_AreReadAsOneSays()
    {
        Write("uk.csv", date => $"{date:dd'/'MM'/'yyyy}");
        Write("us.csv", date => $"{date:MM'/'dd'/'yyyy}");
        Assert.Equal(0, _console.Run(["fit", "d.csv", .. _fit]).ExitCode);
        foreach ((string file, string order) in new[] { ("uk", "day-first"), ("us", "month-first") })
        {
            string[] options = ["--dates", order, "--bandwidth", "2", "--no-plots", "--quiet", "--out", file];
            Assert.Equal(0, _console.Run(["fit", $"{file}.csv", .. options]).ExitCode);
            Assert.Equal(_console.ReadLines("run/fitted.csv"), _console.ReadLines($"{file}/fitted.csv"));
        }
    }

    [Fact]
    public void FilesWithTypes_HaveDatesToo()
    {
        var days = new Date32Array.Builder();
        for (int i = 0; i < 40; i++)
        {
            days.Append(new DateTimeOffset(2024, 10, 4, 0, 0, 0, TimeSpan.Zero).AddDays(i));
        }

        double?[] values = [.. Enumerable.Range(0, 40).Select(i => (double?)Y(i))];
        Written.Arrow(_console.PathOf("d.arrow"), [("day", days.Build()), ("y", Written.Doubles(values))]);
        Assert.Equal(0, _console.Run(["fit", "d.csv", .. _fit]).ExitCode);
        Assert.Equal(0, _console.Run("fit", "d.arrow", "--bandwidth", "2", "--no-plots", "--quiet", "--out", "arrow").ExitCode);
        Assert.Equal(_console.ReadLines("run/fitted.csv"), _console.ReadLines("arrow/fitted.csv"));

        Assert.Equal(0, _console.Run("predict", "d.arrow", "--model", "run/model.safetensors", "--out", "p.csv").ExitCode);
        Written.Write(_console.PathOf("n.arrow"), ("day", [1, 2]));
        ConsoleProcess.Result result = _console.Run("predict", "n.arrow", "--model", "run/model.safetensors");
        Assert.Equal(
            (2, $"error: n.arrow, row 1, column 'day': {Expected}, found '1'"), (result.ExitCode, result.Error.TrimEnd()));
    }

    [Fact]
    public void Pictures_MarkMonths()
    {
        Assert.Equal(0, _console.Run("fit", "d.csv", "--bandwidth", "2", "--quiet", "--out", "drawn").ExitCode);
        string svg = File.ReadAllText(_console.PathOf("drawn/plots/fit.svg"));
        Assert.Contains("Oct 2024", svg, StringComparison.Ordinal);

        ConsoleProcess.Result result = _console.Run("fit", "d.csv", "--log-x", "--out", "log");
        Assert.Equal((2, "error: --log-x: d.csv, column 'day': dates have no logarithms"), (result.ExitCode, result.Error.TrimEnd()));
    }

    private static double Y(int i) => Math.Sin(i / 5.0);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private void Write(string file, Func<DateTime, FormattableString> date) => _console.Write(
        file, $"day,y\n{string.Join('\n', Enumerable.Range(0, 40).Select(i =>
            Invariant(date(new DateTime(2024, 10, 4).AddDays(i))) + Invariant($",{Y(i)}")))}\n");

    // What is said of dates is said in dates, and an option that was given is not advised.
    [Fact]
    public void Errors_AreInDates()
    {
        _console.Write("m.csv", "d,y\n01/13/2020,1\n13/01/2020,2\n01/15/2020,3\n");
        Assert.Equal(
            "error: m.csv, row 3, column 'd': expected a date with its month first, found '13/01/2020'",
            _console.Run("fit", "m.csv", "--dates", "month-first").Error.TrimEnd());
        _console.Write("one.csv", "d,y\n2026-11-26,1\n2026-11-26,2\n2026-11-26,3\n");
        Assert.Equal(
            "error: one.csv, column 'd': expected numbers that vary, got 2026-11-26 everywhere: no bandwidth can be chosen by it",
            _console.Run("fit", "one.csv").Error.TrimEnd());
        _console.Write("d.csv", "d,y\n" + string.Concat(Enumerable.Range(1, 9).Select(i => $"2026-11-0{i},{i * i % 5}\n")));
        Assert.Contains(" days", _console.Run("evaluate", "d.csv").Output, StringComparison.Ordinal);
        Assert.Contains("h of d, days", _console.Run("bandwidth", "d.csv").Output, StringComparison.Ordinal);
    }
}
