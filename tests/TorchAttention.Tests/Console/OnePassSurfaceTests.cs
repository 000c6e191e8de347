using System.Globalization;
using System.Text;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>Fits of two and three features in one pass: the same numbers as in memory, in parts that add up.</summary>
public sealed class OnePassSurfaceTests : IDisposable
{
    private static readonly string[] _columns = ["--x", "a,b", "--y", "z"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Fit_FindsWhatItFindsInMemory()
    {
        Write("rows.csv", 1500, 1);
        Run(["fit", "rows.csv", .. _columns, "--degree", "0", "--no-plots", "--quiet", "--out", "memory"]);
        string output = Run(["fit", "rows.csv", .. _columns, "--one-pass", "--cell", "0.03125,0.0625", "--out", "pass"]);

        Assert.Contains("bandwidth of b", output, StringComparison.Ordinal);
        Assert.Contains("no bound is proved with several features", output, StringComparison.Ordinal);
        Assert.Equal(
            ["config.json", "model.safetensors", "plots", "search.csv", "summary.json"],
            Directory.GetFileSystemEntries(_console.PathOf("pass")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["bandwidth.png", "bandwidth.svg", "fit.png", "fit.svg"],
            Directory.GetFiles(_console.PathOf("pass/plots")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        JsonElement memory = Summary("memory");
        JsonElement pass = Summary("pass");
        Assert.Equal(
            memory.EnumerateObject().Select(property => property.Name), pass.EnumerateObject().Select(property => property.Name));
        for (int j = 0; j < 2; j++)
        {
            Assert.Equal(1, pass.GetProperty("bandwidth")[j].GetDouble() / memory.GetProperty("bandwidth")[j].GetDouble(), 1e-3);
        }

        foreach (string key in new[] { "leave_one_out_error", "aicc", "gcv", "effective_degrees_of_freedom" })
        {
            double expected = memory.GetProperty(key).GetDouble();
            Assert.Equal(expected, pass.GetProperty(key).GetDouble(), 1e-4 * Math.Abs(expected));
        }

        _console.Write("q.csv", "a,b\n0.5,0.5\n0.2,0.9\n7,7\n");
        string[] ofMemory = Run("predict", "q.csv", "--model", "memory/model.safetensors", "--interval", "plain").Split('\n');
        string[] ofPass = Run("predict", "q.csv", "--model", "pass/model.safetensors").Split('\n');
        Assert.Equal(ofMemory[0], ofPass[0]);
        for (int row = 1; row < 3; row++)
        {
            for (int column = 2; column < 7; column++)
            {
                Assert.Equal(1, Number(ofPass[row], column) / Number(ofMemory[row], column), 1e-2);
            }
        }

        Assert.EndsWith("outside", ofPass[3].TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Planes_AreThoseOfMemory()
    {
        Write("rows.csv", 800, 1);
        string[] fit = ["fit", "rows.csv", .. _columns, "--degree", "1", "--bandwidth", "0.12,0.2", "--no-plots", "--quiet", "--out"];
        Run([.. fit, "memory"]);
        Run([.. fit, "pass", "--one-pass"]);
        JsonElement memory = Summary("memory");
        JsonElement pass = Summary("pass");
        Assert.Equal(1, pass.GetProperty("degree").GetInt32());
        foreach (string key in new[] { "leave_one_out_error", "aicc", "gcv", "effective_degrees_of_freedom" })
        {
            double expected = memory.GetProperty(key).GetDouble();
            Assert.Equal(expected, pass.GetProperty(key).GetDouble(), 1e-9 * Math.Abs(expected));
        }

        // Moments are for both degrees.
        Run(["moments", "rows.csv", .. _columns, "--cell", "0.12,0.2", "--degree", "1", "--quiet", "--out", "a.moments"]);
        Run("fit", "--moments", "a.moments", "--degree", "1", "--bandwidth", "0.12,0.2", "--no-plots", "--quiet", "--out", "moments");
        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("pass/model.safetensors")), File.ReadAllBytes(_console.PathOf("moments/model.safetensors")));
        _console.Write("q.csv", "a,b\n0.5,0.5\n0.2,0.9\n");
        string[] ofMemory = Run("predict", "q.csv", "--model", "memory/model.safetensors", "--interval", "plain").Split('\n');
        string[] ofPass = Run("predict", "q.csv", "--model", "pass/model.safetensors").Split('\n');
        Assert.Equal(ofMemory[0], ofPass[0]);
        for (int row = 1; row < 3; row++)
        {
            for (int column = 2; column < 7; column++)
            {
                Assert.Equal(1, Number(ofPass[row], column) / Number(ofMemory[row], column), 2e-3);
            }
        }
    }

    [Theory]
    [InlineData("--y", "z", "--weights", "c")]
    [InlineData("--y", "kind", "--classes")]
    [InlineData("--y", "kind", "--classes", "--weights", "c")]
    public void WeightsAndClasses_AreAsInMemory(params string[] columns)
    {
        Write("rows.csv", 500, 6);
        string[] fit = ["fit", "rows.csv", "--x", "a,b", .. columns, "--bandwidth", "0.12,0.2", "--quiet"];
        Run([.. fit, "--degree", "0", "--no-plots", "--out", "memory"]);
        Run([.. fit, "--one-pass", "--out", "pass"]);
        JsonElement memory = Summary("memory");
        JsonElement pass = Summary("pass");
        foreach (string key in new[] { "leave_one_out_error", "aicc", "gcv", "effective_degrees_of_freedom" })
        {
            double expected = memory.GetProperty(key).GetDouble();
            Assert.Equal(expected, pass.GetProperty(key).GetDouble(), 1e-8 * Math.Abs(expected));
        }

        _console.Write("q.csv", "a,b\n0.5,0.5\n0.2,0.9\n");
        string[] interval = columns.Contains("--classes") ? [] : ["--interval", "plain"];
        string[] ofMemory = Run(["predict", "q.csv", "--model", "memory/model.safetensors", .. interval]).TrimEnd().Split('\n');
        string[] ofPass = Run("predict", "q.csv", "--model", "pass/model.safetensors").TrimEnd().Split('\n');
        Assert.Equal(ofMemory[0], ofPass[0]);
        foreach ((string one, string other) in ofMemory[1..].Zip(ofPass[1..]))
        {
            foreach ((string expected, string actual) in one.Split(',').Zip(other.Split(',')))
            {
                bool isNumber = double.TryParse(expected, CultureInfo.InvariantCulture, out double number);
                double said = isNumber ? double.Parse(actual, CultureInfo.InvariantCulture) : 0;
                Assert.Equal(number, said, 2e-3 * Math.Max(0.1, Math.Abs(number)));
                Assert.True(isNumber || expected == actual);
            }
        }
    }

    [Fact]
    public void FoldsOfMoments_AreThoseOfRows()
    {
        Write("rows.csv", 600, 7);
        string[] options = ["--bandwidth", "kfold", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", .. _columns, "--cell", "0.1", "--one-pass", .. options, "rows"]);
        Run(["moments", "rows.csv", .. _columns, "--cell", "0.1", "--folds", "10", "--quiet", "--out", "ten.moments"]);
        Run(["fit", "--moments", "ten.moments", .. options, "moments"]);
        Run(["fit", "rows.csv", .. _columns, "--degree", "0", .. options, "memory"]);
        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("rows/model.safetensors")), File.ReadAllBytes(_console.PathOf("moments/model.safetensors")));
        double memory = Summary("memory").GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(1, Summary("rows").GetProperty("leave_one_out_error").GetDouble() / memory, 0.05);
    }

    [Fact]
    public void Targets_AreThoseOfFitsOfEach()
    {
        Write("rows.csv", 500, 8);
        _console.Write("q.csv", "a,b\n0.5,0.5\n0.2,0.9\n");
        string[][] lines = [.. ((string[])["z,w", "z", "w"]).Select((y, i) =>
        {
            Run(["fit", "rows.csv", "--x", "a,b", "--y", y, "--bandwidth", "0.12,0.2", "--one-pass", "--quiet", "--out", $"{i}"]);
            return Run("predict", "q.csv", "--model", $"{i}/model.safetensors").TrimEnd().Split('\n');
        })];

        Assert.Equal(["fit-1.png", "fit-1.svg", "fit-2.png", "fit-2.svg"], Directory.GetFiles(_console.PathOf("0/plots"))
            .Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.StartsWith("a,b,mean_z,se_z", lines[0][0], StringComparison.Ordinal);
        int second = Array.IndexOf(lines[0][0].Split(','), "mean_w");
        for (int row = 1; row < 3; row++)
        {
            Assert.Equal(Number(lines[1][row], 2), Number(lines[0][row], 2), 1e-4);
            Assert.Equal(Number(lines[2][row], 2), Number(lines[0][row], second), 1e-4);
        }

        double[] errors = [.. Enumerable.Range(0, 3).Select(i => Summary($"{i}").GetProperty("leave_one_out_error").GetDouble())];
        Assert.Equal(errors[1] + errors[2], errors[0], 1e-10);
    }

    [Theory]
    [InlineData("a,b")]
    [LongData("a,b,c")]
    public void Parts_AddUpToTheWhole_BitForBit(string features)
    {
        Write("whole.csv", 1200, 2);
        string[] lines = File.ReadAllLines(_console.PathOf("whole.csv"));
        for (int part = 0; part < 3; part++)
        {
            File.WriteAllLines(_console.PathOf($"part-{part}.csv"), [lines[0], .. lines[1..].Where((_, i) => i % 3 == part)]);
        }

        string[] columns = ["--x", features, "--y", "z"];
        string[] cells = ["--cell", "0.2"];
        string said = Run(["moments", "part-0.csv", .. columns, .. cells, "--out", "0.moments"]);
        Assert.Matches(@"0\.moments: 400 rows in \d+ cells, 0\.125 by 0\.125", said);
        foreach (string name in new[] { "part-1", "part-2", "whole" })
        {
            Run(["moments", $"{name}.csv", .. columns, "--grid", "0.moments", "--quiet", "--out", $"{name}.moments"]);
        }

        string[] options = ["--bandwidth", "0.3", "--quiet", "--no-plots", "--out"];
        Run(["fit", "--moments", "part-2.moments", "0.moments", "part-1.moments", .. options, "parts"]);
        Run(["fit", "--moments", "whole.moments", .. options, "whole"]);
        Run(["fit", "part-*.csv", .. columns, .. cells, .. options, "pattern"]);
        byte[] expected = File.ReadAllBytes(_console.PathOf("whole/model.safetensors"));
        Assert.Equal(expected, File.ReadAllBytes(_console.PathOf("parts/model.safetensors")));
        Assert.Equal(
            Summary("whole").GetProperty("leave_one_out_error").GetDouble(),
            Summary("pattern").GetProperty("leave_one_out_error").GetDouble(),
            1e-12);
    }

    // Of boxes of many rows near a line sums say too little.
    [Fact]
    public void RowsNearALine_AreSettledInMemory()
    {
        var random = new Random(9);
        var text = new StringBuilder("a,b,z\n");
        for (int i = 0; i < 3000; i++)
        {
            double a = random.NextDouble();
            double b = (2 * a) + (0.02 * random.NextDouble());
            text.Append(CultureInfo.InvariantCulture, $"{a:F6},{b:F6},{Math.Sin(6 * a) + (0.5 * random.NextDouble()):F6}\n");
        }

        _console.Write("line.csv", text.ToString());
        string[] fit = ["fit", "line.csv", .. _columns, "--degree", "1", "--bandwidth", "0.2,0.4", "--no-plots", "--out"];
        Run([.. fit, "memory", "--quiet"]);
        Assert.Contains("the rows were fitted in memory", Run([.. fit, "pass", "--one-pass"]), StringComparison.Ordinal);
        double expected = Summary("memory").GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(expected, Summary("pass").GetProperty("leave_one_out_error").GetDouble(), 1e-10 * expected);
    }

    [Fact]
    public void ManyFiles_GoOnWhereTheyWere()
    {
        for (int part = 0; part < 3; part++)
        {
            Write($"part-{part}.csv", 300, part);
        }

        string[] fit = ["fit", "part-*.csv", .. _columns, "--bandwidth", "0.2", "--no-plots", "--quiet", "--out"];
        Run([.. fit, "whole"]);
        Directory.CreateDirectory(_console.PathOf("begun"));
        Directory.Move(_console.PathOf("whole/moments"), _console.PathOf("begun/moments"));
        File.Delete(_console.PathOf("begun/moments/0002-part-2.csv.moments"));
        DateTime first = File.GetLastWriteTimeUtc(_console.PathOf("begun/moments/0000-part-0.csv.moments"));
        Run([.. fit, "begun"]);

        Assert.Equal(first, File.GetLastWriteTimeUtc(_console.PathOf("begun/moments/0000-part-0.csv.moments")));
        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("whole/model.safetensors")), File.ReadAllBytes(_console.PathOf("begun/model.safetensors")));
    }

    [Fact]
    public void Pipe_IsReadOnce()
    {
        Write("rows.csv", 900, 3);
        string[] options = [.. _columns, "--bandwidth", "0.1,0.2", "--one-pass", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", .. options, "file"]);
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, ["fit", "-", .. options, "pipe"]);
        running.Input.Write(File.ReadAllText(_console.PathOf("rows.csv")));
        running.Input.Close();
        ConsoleProcess.Result result = running.Wait();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(
            Summary("file").GetProperty("leave_one_out_error").GetDouble(),
            Summary("pipe").GetProperty("leave_one_out_error").GetDouble());
    }

    [Theory]
    [InlineData("--x: expected at most 3 columns in one pass, got 4", "fit", "bad.csv", "--one-pass", "--x", "a,b,c,d", "--y", "z")]
    [InlineData("--classes", "fit", "bad.csv", "--one-pass", "--classes", "--degree", "1")]
    [InlineData("--one-pass: expected the gaussian kernel, the degree 0 or 1", "fit", "bad.csv", "--one-pass", "--degree", "2")]
    [InlineData("--one-pass: expected the gaussian kernel, the degree 0 or 1", "fit", "bad.csv", "--one-pass", "--degree", "1", "--ridge",
        "0.5")]
    [InlineData("--moments: expected the gaussian kernel, the degree 0 or 1", "fit", "--moments", "two.moments", "--degree", "auto")]
    [InlineData("--one-pass: expected the gaussian kernel", "fit", "bad.csv", "--one-pass", "--kernel", "boxcar")]
    [InlineData("--bandwidth: expected moments of 10 folds for kfold, got none", "fit", "--moments", "two.moments", "--bandwidth", "kfold")]
    [InlineData("--one-pass: expected the gaussian kernel", "fit", "bad.csv", "--one-pass", "--leave-out-ties")]
    [InlineData("--cell: expected one width, or one for each of 2 features, got 3", "fit", "bad.csv", "--one-pass", "--cell", "1,1,1")]
    [InlineData("--cell: expected one width, got 2", "fit", "mcycle", "--one-pass", "--cell", "1,1")]
    [InlineData("--cell: expected a positive number that float32 can hold, got 'x'", "fit", "bad.csv", "--one-pass", "--cell", "1,x")]
    [InlineData("--cell: expected one width beside --sql, got 2", "moments", "--sql", "sqlite", "--cell", "1,2")]
    [InlineData("--x: expected at most two columns and --sql, got 3", "moments", "--sql", "sqlite", "--x", "a,b,c", "--y", "z")]
    [InlineData("--x: expected one column beside --weights and --sql, got 2", "moments", "--sql", "sqlite", "--x", "a,b", "--weights", "c")]
    [InlineData("--x: expected the name of a column", "moments", "--sql", "sqlite", "--x", "a,", "--y", "z", "--table", "t", "--cell", "1")]
    [InlineData("--y: expected columns separated by commas, few enough", "moments", "--sql", "sqlite", "--x", "a,b", "--y", "a,b,c,d,e,f,g",
        "--table", "t", "--cell", "1")]
    [InlineData("--weights: expected a --grid of moments with weights", "moments", "bad.csv", "--out", "a.moments", "--grid", "two.moments",
        "--weights", "c")]
    [InlineData("--classes: expected a --grid of moments of classes", "moments", "bad.csv", "--out", "a.moments", "--grid", "two.moments",
        "--classes")]
    [InlineData("--y: expected as many columns as the moments of --grid have, 1, got 2", "moments", "bad.csv", "--x", "a,b", "--y", "z,c",
        "--out", "a.moments", "--grid", "two.moments")]
    [InlineData("--grid: expected moments of 2 features", "moments", "bad.csv", "--out", "a.moments", "--grid", "one.moments")]
    [InlineData("--x: expected as many columns as the moments of --grid have, 2, got 3", "moments", "bad.csv", "--x", "a,b,c", "--y", "z",
        "--out", "a.moments", "--grid", "two.moments")]
    [InlineData("--bandwidth: expected one number or 2", "fit", "--moments", "two.moments", "--bandwidth", "1,2,3")]
    [InlineData("one.moments: expected a model of the kind 'box_moments'", "fit", "--moments", "two.moments", "one.moments")]
    [InlineData("--x: expected another column than --y, got z for both", "fit", "bad.csv", "--one-pass", "--x", "a,z", "--y", "z")]
    [InlineData("--x: expected columns that are not named twice", "fit", "bad.csv", "--one-pass", "--x", "a,a", "--y", "z")]
    [InlineData("--slopes: expected a model of rows or of one feature", "predict", "q.csv", "--model", "run/model.safetensors", "--slopes")]
    [InlineData("--interval: expected plain of a condensed surface", "predict", "q.csv", "--model", "run/model.safetensors",
        "--interval", "new")]
    public void WrongInput_IsRefusedInOneLine(string expected, params string[] arguments)
    {
        Write("bad.csv", 100, 4);
        _console.Write("q.csv", "a,b\n0.5,0.5\n");
        if (arguments.Any(argument => argument.EndsWith(".moments", StringComparison.Ordinal)))
        {
            Run(["moments", "bad.csv", .. _columns, "--cell", "1", "--quiet", "--out", "two.moments"]);
            Run("moments", "bad.csv", "--x", "a", "--y", "z", "--cell", "1", "--quiet", "--out", "one.moments");
        }

        if (arguments.Contains("run/model.safetensors"))
        {
            Run(["fit", "bad.csv", .. _columns, "--one-pass", "--bandwidth", "0.5", "--no-plots", "--quiet", "--out", "run"]);
        }

        string[] columns = arguments.Contains("bad.csv") && !arguments.Contains("--x") ? _columns : [];
        ConsoleProcess.Result result = _console.Run([.. arguments, .. columns]);
        Assert.Equal(2, result.ExitCode);
        Assert.Single(result.Error.Trim().Split('\n'));
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(arguments.Contains("run/model.safetensors") ? 1 : 0, Directory.GetDirectories(_console.PathOf(".")).Length);
    }

    private static double Number(string line, int column) => double.Parse(line.Split(',')[column], CultureInfo.InvariantCulture);

    private string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private JsonElement Summary(string run) =>
        JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{run}/summary.json"))).RootElement;

    private void Write(string file, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("a,b,c,z,w,kind\n");
        for (int i = 0; i < rows; i++)
        {
            (double a, double b) = (random.NextDouble(), random.NextDouble());
            double z = Math.Sin(6 * a) + Math.Cos(4 * b) + (0.5 * random.NextDouble());
            text.Append(CultureInfo.InvariantCulture, $"{a:F5},{b:F5},{random.NextDouble():F5},{z:F5},");
            text.Append(CultureInfo.InvariantCulture, $"{100 + (a * b):F5},{(z > 1 ? "up" : i % 9 == 0 ? "down" : "level")}\n");
        }

        _console.Write(file, text.ToString());
    }
}
