using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TorchAttention.Tests.Console;

/// <summary>The command shard, and predict with its shards.</summary>
public sealed class ShardTests : OnePassConsole
{
    [Theory]
    [InlineData("temp", "0.3", "--kernel", "gaussian")]
    [InlineData("temp,share", "0.4,1.5", "--degree", "1")]
    [InlineData("temp", "0.2", "--kernel", "epanechnikov", "--slopes")]
    public void Predict_IsThatOfAModelOfAllRows(string x, string bandwidth, params string[] others)
    {
        Write("rows.csv", 5000, 1);
        Write("queries.csv", 300, 2);
        string[] degree = others.Contains("--degree") ? [] : ["--degree", "0"];
        string[] fitted = [.. degree, .. others.Where(option => option != "--slopes")];
        string[] slopes = [.. others.Where(option => option == "--slopes")];
        string said = Run("shard", "rows.csv", "--x", x, "--y", "load", "--shards", "6", "--out", "shards");
        Run(["fit", "rows.csv", "--x", x, "--y", "load", "--bandwidth", bandwidth, .. fitted,
            "--out", "fit", "--no-plots", "--quiet"]);
        string[] whole = Run(["predict", "--model", "fit/model.safetensors", "queries.csv", .. slopes]).Split('\n');
        string[] dealt = Run(
            ["predict", "--shards", "shards/manifest.json", "--bandwidth", bandwidth, "queries.csv", .. others]).Split('\n');

        Assert.Equal("shards/manifest.json: 5000 rows in 6 shards, 0.1 MB\n", said);
        Assert.Equal(whole.Length, dealt.Length);
        string[] wholeNames = whole[0].Split(',');
        foreach ((int column, string name) in dealt[0].Split(',').Index())
        {
            int other = Array.IndexOf(wholeNames, name);
            for (int row = 1; row <= 300; row++)
            {
                string expected = whole[row].Split(',')[other];
                string found = dealt[row].Split(',')[column];
                Assert.True(
                    expected == found || (name != "flag"
                        && Math.Abs(Number(expected) - Number(found)) <= 1e-12 * (1 + Math.Abs(Number(found)))),
                    $"{name} of row {row}: expected {expected}, found {found}");
            }
        }
    }

    // What all rows say of the noise is said, and takes no pass when it is given.
    [Theory]
    [InlineData("temp", "load", "0.3")]
    [InlineData("temp", "load,share", "0.2", "--kernel", "epanechnikov", "--degree", "1", "--level", "0.9")]
    [InlineData("temp,share", "load", "0.4,1.5", "--degree", "1", "--no-neighbour", "nearest", "--kernel", "biweight")]
    public void Sigma_IsThatOfAModelOfAllRows(string x, string y, string bandwidth, params string[] others)
    {
        Write("rows.csv", 5000, 1);
        Write("queries.csv", 300, 2);
        int level = Array.IndexOf(others, "--level");
        string[] ofPredict = level < 0 ? [] : others[level..];
        string[] ofFit = [.. others.Except(ofPredict)];
        Run("shard", "rows.csv", "--x", x, "--y", y, "--shards", "6", "--out", "shards", "--quiet");
        string[] degree = others.Contains("--degree") ? [] : ["--degree", "0"];
        Run(["fit", "rows.csv", "--x", x, "--y", "load", "--bandwidth", bandwidth, .. degree, .. ofFit, "--out", "fit", "--no-plots",
            "--quiet"]);
        string whole = Run(["predict", "--model", "fit/model.safetensors", "queries.csv", "--interval", "plain", .. ofPredict]);
        string[] arguments = ["predict", "--shards", "shards/manifest.json", "queries.csv", "--bandwidth", bandwidth, .. others];
        ConsoleProcess.Result measured = Console.Run([.. arguments, "--sigma", "all"]);

        Match said = Regex.Match(
            measured.Error,
            "^note: --sigma ([0-9.,E-]+) was measured at all 5000 rows; given as a number it takes no pass over them\\. "
                + "Leave-one-out error ([0-9.]+)\n$");
        Assert.True(said.Success, measured.Error);
        Assert.Equal(y.Split(',').Length, said.Groups[1].Value.Split(',').Length);
        string ending = y == "load" ? "" : "_load";
        foreach (string name in new[] { "mean", "se", "lower", "upper" })
        {
            AssertClose(ColumnOf(name, whole), ColumnOf(name + ending, measured.Output), 1e-12);
        }

        AssertClose(ColumnOf("neighbours", whole), ColumnOf("neighbours", measured.Output), 1e-12);
        Assert.Equal(ColumnOf("flag", whole), ColumnOf("flag", measured.Output));

        // Student's quantile is wider than the normal one by about 1 / n.
        ConsoleProcess.Result given = Console.Run([.. arguments, "--sigma", said.Groups[1].Value, "--interval", "plain"]);
        Assert.Equal("", given.Error);
        Assert.Equal(ColumnOf("se" + ending, measured.Output), ColumnOf("se" + ending, given.Output));
        Assert.NotEqual(ColumnOf("lower" + ending, measured.Output), ColumnOf("lower" + ending, given.Output));
        AssertClose(ColumnOf("lower" + ending, measured.Output), ColumnOf("lower" + ending, given.Output), 1e-3);
    }

    private static string[] ColumnOf(string name, string table)
    {
        string[][] rows = [.. table.TrimEnd().Split('\n').Select(row => row.Split(','))];
        int column = Array.IndexOf(rows[0], name);
        return [.. rows.Skip(1).Select(row => row[column])];
    }

    private static void AssertClose(string[] expected, string[] found, double part) => Assert.All(
        expected.Zip(found), pair => Assert.True(
            pair.First == pair.Second || Math.Abs(Number(pair.First) - Number(pair.Second)) <= part * (1 + Math.Abs(Number(pair.First))),
            $"expected {pair.First}, found {pair.Second}"));

    [Theory]
    [InlineData("0", "--sigma: expected a number for each of load, share, got 1")]
    [InlineData("1,2,3", "--sigma: expected a number for each of load, share, got 3")]
    public void SigmaOfOtherColumns_IsRefused(string sigma, string expected)
    {
        Write("rows.csv", 50, 1);
        Run("shard", "rows.csv", "--x", "temp", "--y", "load,share", "--out", "shards", "--quiet");
        ConsoleProcess.Result result = Console.Run(
            "predict", "--shards", "shards/manifest.json", "rows.csv", "--bandwidth", "1", "--sigma", sigma);

        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    // One row each: no noise is known of a curve through all of them.
    [Fact]
    public void SigmaOfACurveThroughAllRows_IsNone()
    {
        Console.Write("rows.csv", "x,y\n" + string.Join('\n', Enumerable.Range(0, 50).Select(i => $"{i},{i * i}")));
        Run("shard", "rows.csv", "--x", "x", "--y", "y", "--out", "shards", "--quiet");
        ConsoleProcess.Result result = Console.Run(
            "predict", "--shards", "shards/manifest.json", "rows.csv", "--bandwidth", "0.5", "--kernel", "biweight", "--sigma", "all");

        Assert.Equal("note: 50 effective degrees of freedom of 50 rows leave no sigma, and no error\n", result.Error);
        Assert.Contains("\n2,4,NaN,NaN,NaN,1,\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void StandardInput_IsDealtToo()
    {
        Write("rows.csv", 3000, 1);
        ConsoleProcess.Running running = Console.Start(
            ConsoleProcess.Executable,
            ["shard", "-", "--x", "temp", "--y", "load,share", "--weights", "share", "--out", "piped", "--quiet"]);
        running.Input.Write(File.ReadAllText(Console.PathOf("rows.csv")));
        running.Input.Close();

        Assert.Equal(new ConsoleProcess.Result(0, "", ""), running.Wait());
        Run("shard", "rows.csv", "--x", "temp", "--y", "load,share", "--weights", "share", "--out", "filed", "--quiet");
        Assert.Equal(Console.Entries("filed"), Console.Entries("piped"));
        Assert.Equal(File.ReadAllText(Console.PathOf("filed/manifest.json")), File.ReadAllText(Console.PathOf("piped/manifest.json")));
    }

    // Whatever it was doing: there is no folder, and the next one removes what is left.
    [Fact]
    public void Killed_LeavesNothingThatStays()
    {
        var text = new StringBuilder("x,y\n");
        var random = new Random(1);
        for (int i = 0; i < 600_000; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{random.NextDouble():F6},{i}\n");
        }

        Console.Write("big.csv", text.ToString());
        string[] arguments = ["shard", "big.csv", "--x", "x", "--y", "y", "--out", "shards", "--quiet"];
        ConsoleProcess.Running running = Console.Start(ConsoleProcess.Executable, arguments);
        running.Until(() => Directory.EnumerateDirectories(Console.Folder, ".shards.*.tmp").Any());
        running.Kill();
        running.Wait();

        Assert.False(Directory.Exists(Console.PathOf("shards")));
        Assert.Single(Directory.EnumerateDirectories(Console.Folder));
        Run(arguments);
        Assert.Equal(["big.csv", "shards"], Console.Entries("."));
        Assert.Equal(13, Console.Entries("shards").Length);
    }

    // While rows wait on the disk, and while a shard is written. A small disk is mounted for the process alone, where that is allowed.
    [Theory]
    [InlineData(100)]
    [InlineData(450)]
    public void FullDisk_IsOneLineAndLeavesNothing(int kilobytes)
    {
        const int noDisk = 77;
        Assert.SkipUnless(File.Exists("/usr/bin/unshare"), "There is no unshare.");
        Write("rows.csv", 20_000, 1);
        Directory.CreateDirectory(Console.PathOf("small"));
        ConsoleProcess.Result result = Console.Start(
            "/usr/bin/unshare",
            ["-rm", "/bin/sh", "-c", $"mount -t tmpfs -o size={kilobytes}k none small || exit {noDisk}; cd small; "
                + $"'{ConsoleProcess.Executable}' shard ../rows.csv --x temp --y load --shards 2 --out shards --quiet; "
                + "echo $?; ls -A"]).Wait();
        Assert.SkipUnless(result.ExitCode != noDisk && !result.Error.StartsWith("unshare", StringComparison.Ordinal), result.Error);

        Assert.Equal("1\n", result.Output);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains("No space left on device", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
    }

    [Theory]
    [InlineData("--out: expected a folder that is not there yet, got '.' (it has files already)", "shard", "rows.csv", "--out", ".")]
    [InlineData("--out: expected a folder, got none", "shard", "rows.csv")]
    [InlineData("--out: expected a folder that is not there yet, got 'a/b' (the folder that it", "shard", "rows.csv", "--out", "a/b")]
    [InlineData("--shards: expected at most 1000, got 1001", "shard", "rows.csv", "--shards", "1001", "--out", "s")]
    [InlineData("--data: expected a file, got none", "shard", "--out", "s")]
    [InlineData("rows.csv: no column 'z'", "shard", "rows.csv", "--x", "z", "--y", "load", "--out", "s")]
    [InlineData("column 'kind': expected numbers or times, found '", "shard", "rows.csv", "--x", "kind", "--y", "load", "--out", "s")]
    [InlineData("predict: expected either --model or --shards", "predict", "rows.csv")]
    [InlineData("s/manifest.json: no such file", "predict", "rows.csv", "--shards", "s/manifest.json", "--bandwidth", "1")]
    [InlineData("rows.csv: expected a manifest of shards", "predict", "rows.csv", "--shards", "rows.csv", "--bandwidth", "1")]
    [InlineData("--bandwidth: expected one for all features", "predict", "rows.csv", "--shards", "rows.csv")]
    [InlineData("--level: expected --sigma beside it", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--level", "0.9")]
    [InlineData("--interval: expected --sigma beside it", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--interval", "new")]
    [InlineData("--interval: expected plain of shards, whose errors are by --sigma alone, got new", "predict", "rows.csv", "--shards", "m",
        "--bandwidth", "1", "--sigma", "all", "--interval", "new")]
    [InlineData("--simultaneous applies to models of fit only", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--sigma",
        "all", "--simultaneous")]
    [InlineData("--sigma: expected --shards beside it", "predict", "rows.csv", "--model", "m", "--sigma", "all")]
    [InlineData("--sigma: expected all, or numbers of at least 0 separated by commas, got ''", "predict", "rows.csv", "--shards", "m",
        "--bandwidth", "1", "--sigma", "")]
    [InlineData("separated by commas, got '1,NaN'", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--sigma", "1,NaN")]
    [InlineData("separated by commas, got '-1'", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--sigma=-1")]
    [InlineData("separated by commas, got 'All'", "predict", "rows.csv", "--shards", "m", "--bandwidth", "1", "--sigma", "All")]
    [InlineData("--kernel: expected --shards beside it", "predict", "rows.csv", "--model", "m", "--kernel", "boxcar")]
    public void WrongInput_IsOneLine(string expected, params string[] arguments)
    {
        Write("rows.csv", 50, 1);
        ConsoleProcess.Result result = Console.Run(arguments);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
        Assert.Equal(["rows.csv"], Console.Entries("."));
    }

    // Fits have classes and categories, shards have neither.
    [Theory]
    [InlineData("kind", "load")]
    [InlineData("temp", "kind")]
    public void Text_IsRefusedWithoutAdviceOfFits(string x, string y)
    {
        Write("rows.csv", 50, 1);
        ConsoleProcess.Result result = Console.Run("shard", "rows.csv", "--x", x, "--y", y, "--out", "s");

        Assert.Equal(2, result.ExitCode);
        Assert.Matches("column 'kind': expected [a-z ]+, found '[a-z]+'\n$", result.Error);
    }

    // A byte that has turned, and a file that is gone: what other files say is not touched.
    [Fact]
    public void DamagedShard_IsNamedInOneLine()
    {
        Write("rows.csv", 2000, 1);
        Run("shard", "rows.csv", "--x", "temp", "--y", "load", "--out", "shards", "--quiet");
        string path = Console.PathOf("shards/0011.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^3] ^= 64;
        File.WriteAllBytes(path, bytes);
        Console.Write("near.csv", "temp\n19.5\n");
        Console.Write("far.csv", "temp\n1\n");
        string[] arguments = ["predict", "--shards", "shards/manifest.json", "--bandwidth", "0.05", "--out", "p.csv"];
        ConsoleProcess.Result damaged = Console.Run([.. arguments, "near.csv"]);

        Assert.Equal((2, ""), (damaged.ExitCode, damaged.Output));
        Assert.Contains(
            "shards/0011.safetensors: expected the file of the manifest, whose SHA-256 begins with",
            damaged.Error,
            StringComparison.Ordinal);
        Assert.False(File.Exists(Console.PathOf("p.csv")));
        File.Delete(path);
        Assert.Contains("0011.safetensors: no such file", Console.Run([.. arguments, "near.csv"]).Error, StringComparison.Ordinal);
        Run([.. arguments, "far.csv"]);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
