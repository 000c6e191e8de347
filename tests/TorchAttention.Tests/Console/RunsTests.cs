using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>What <c>runs</c> says of folders that <c>train</c> and <c>fit</c> wrote.</summary>
public sealed class RunsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Compare_ShowsWhatDiffersAndDrawsTheCurves()
    {
        _console.Train("runs/slow", "--epochs", "5", "--lr", "0.1", "--no-plots");
        _console.Train("runs/fast", "--epochs", "5", "--no-plots");

        ConsoleProcess.Result result = _console.Run("runs", "compare", "runs/slow", "runs/fast", "--out", "both.svg");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Matches(@"│ lr +│ +0\.1 │ +1 │", result.Output);
        Assert.DoesNotContain("batch_size", result.Output, StringComparison.Ordinal);
        Assert.Matches(@"│ validation RMSE +│ +0\.\d+ │ +0\.24494 │", result.Output);
        Assert.True(new FileInfo(_console.PathOf("both.svg")).Length > 3000);
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        int title = Array.IndexOf(lines, "validation loss over the epochs");
        Assert.Equal(["slow  fast", "both.svg"], lines[^2..].Select(line => line.TrimEnd()));
        Assert.Equal(12, lines.Length - title - 3);
        Assert.True(lines[(title + 1)..^2].Count(line => line.Any(c => c is > '\u2800' and <= '\u28ff')) >= 5);
        ConsoleProcess.Result wrong = _console.Run("runs", "compare", "runs/slow", "runs/fast", "--out", "c.bmp");
        Assert.Equal(
            (2, "", "error: --out: expected a file that ends in .png or .svg, got 'c.bmp'"),
            (wrong.ExitCode, wrong.Output, wrong.Error.TrimEnd()));
        ConsoleProcess.Result folder = _console.Run("runs", "runs", "compare", "slow", "fast");
        Assert.Equal(
            (2, "error: expected runs compare and the runs' folders, got 'runs' before compare"),
            (folder.ExitCode, folder.Error.TrimEnd()));
    }

    [Fact]
    public void Runs_ListsFinishedUnfinishedAndDamagedOnes()
    {
        _console.Train("runs/good", "--epochs", "20", "--no-plots");
        _console.Train("runs/poor", "--epochs", "1", "--seed", "3", "--no-plots");
        File.Delete(_console.PathOf("runs/poor/summary.json"));
        Directory.CreateDirectory(_console.PathOf("runs/broken"));
        _console.Write("runs/broken/config.json", "{");
        Directory.CreateDirectory(_console.PathOf("runs/other"));

        string[] rows = _console.Run("runs", "--sort", "loss").Output.Split('\n');

        Assert.Matches(@"│ good +│ nonlinear +│ nw +│ \S+ \S+ +│ 20 +│ 0 +│ 0\.\d+ \(val.*\) +│ 0\.\d+ +│ finished", rows[3]);
        Assert.Matches(@"│ poor +│ nonlinear +│ nw +│ \S+ \S+ +│ 1 of 1 +│ 3 +│ \S+ \(val.*\) +│ +│ unfinished", rows[4]);
        Assert.Matches(@"│ broken +│.*'runs/broken/config\.json' is damaged", rows[5]);
        Assert.DoesNotContain(rows, row => row.Contains("other", StringComparison.Ordinal));
        using JsonDocument json = JsonDocument.Parse(_console.Run("runs", "--json", "--sort", "name").Output);
        Assert.Equal(
            ["broken damaged", "good finished", "poor unfinished"],
            json.RootElement.GetProperty("runs").EnumerateArray().Select(run => $"{run.GetProperty("name")} {run.GetProperty("status")}"));
    }

    [Fact]
    public void TimeOfARun_IsTheOneItBeganAt()
    {
        _console.Train("run", "--epochs", "1", "--no-plots");
        string[] config = _console.ReadLines("run/config.json");
        int begun = Array.FindIndex(config, line => line.Contains("\"begun\"", StringComparison.Ordinal));
        config[begun] = "\"begun\": \"2001-02-03T04:05:06Z\",";
        _console.Write("run/config.json", string.Join('\n', config));
        Assert.Equal(0, _console.Run("train", "--resume", "run", "--epochs", "2", "--quiet").ExitCode);
        Assert.Contains("2001-02-03 04:05", _console.Run("runs", ".").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_ShowsControlCharactersAsText()
    {
        foreach (string name in (string[])["runs/damaged", "runs/odd"])
        {
            Directory.CreateDirectory(_console.PathOf(name));
            _console.Write($"{name}/config.json", "{\"data\": \"\\u001b[31mred\"}");
        }

        _console.Write("runs/damaged/epochs.csv", "epoch,val_loss\n1,\u001b[2J\n");

        ConsoleProcess.Result result = _console.Run("runs", "runs");

        Assert.DoesNotContain('\u001b', result.Output);
        Assert.Contains(@"found '1,\u001b[2J'", result.Output, StringComparison.Ordinal);
        Assert.Contains(@"\u001b[31mred", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', _console.Run("runs", "compare", "runs/odd", "runs/odd").Output);
    }

    [Fact]
    public void Fits_AreListedWithTheirErrorsAndBandwidthsByColumn()
    {
        Fit("runs/curve", "mcycle", "--degree", "0");
        Fit("runs/line", "mcycle", "--degree", "1");
        Fit("runs/surface", "ethanol", "--x", "E,C", "--y", "NOx", "--degree", "0");
        Fit("runs/classes", "iris", "--x", "Petal.Length", "--y", "Species", "--classes");
        _console.Train("more/ard", "--data", "ethanol", "--x", "E,C", "--y", "NOx", "--model", "ard", "--epochs", "1", "--no-plots");

        string[] rows = _console.Run("runs", "runs", "more", "--sort", "loss").Output.Split('\n');

        // Data sets by name, and in each the least error first.
        Assert.Matches(
            @"│ runs.surface +│ ethanol +│ fit, degree 0 +│.*│ 0\.2\d+ \(leave-one-out RMSE\) +│ E 0\.\d+, C \d", rows[3]);
        Assert.Matches(@"│ more.ard +│ ethanol +│ ard +│.*│ 1 +│ 0 +│ \S+ \(validation RMSE\) +│ E 0\.\d+, C \d", rows[4]);
        Assert.Matches(@"│ runs.classes +│ iris +│.*│ 0\.0\d+ \(leave-one-out Brier score\) +│ Petal\.Length ", rows[5]);
        Assert.Matches(@"│ runs.line +│ mcycle +│ fit, degree 1 +│", rows[6]);
        Assert.Matches(@"│ runs.curve +│ mcycle +│ fit, degree 0 +│", rows[7]);

        string compared = _console.Run("runs", "compare", "runs/surface", "more/ard").Output;
        Assert.Matches(@"│ bandwidth of E +│ +0\.\d+ │ +0\.\d+ │", compared);
        Assert.Matches(@"│ AICc +│ +-1\.\d+ │ +│", compared);
        Assert.Matches(@"│ w_C +│ +│ +\d\.\d+ │", compared);
        using JsonDocument json = JsonDocument.Parse(_console.Run("runs", "runs", "--json", "--sort", "name").Output);
        JsonElement line = json.RootElement.GetProperty("runs")[2];
        Assert.Equal("line", line.GetProperty("name").GetString());
        Assert.Equal(23.69, line.GetProperty("leave_one_out_rmse").GetDouble(), 0.01);

        void Fit(string folder, params string[] arguments) =>
            Assert.Equal(0, _console.Run(["fit", .. arguments, "--out", folder, "--no-plots", "--quiet"]).ExitCode);
    }
}
