using System.Globalization;
using System.Text;
using System.Text.Json;
using Parquet.Schema;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Rows in many files, parts that add up, whatever ends the process.</summary>
public sealed class OnePassFilesTests : OnePassConsole
{
    [Theory]
    [InlineData("--y", "load")]
    [InlineData("--y", "load", "--weights", "share")]
    [InlineData("--y", "load,share")]
    [InlineData("--y", "kind", "--classes")]
    public void Parts_AddUpToTheSameBits(params string[] target)
    {
        string[] columns = ["--x", "temp", .. target];
        for (int part = 0; part < 3; part++)
        {
            Write($"part-{part}.csv", 700 + part, part);
        }

        Run(["fit", "part-*.csv", .. columns, "--no-plots", "--quiet", "--out", "all"]);
        for (int part = 0; part < 3; part++)
        {
            string said = Run(
                ["moments", $"part-{part}.csv", .. columns, "--grid", "all/moments/grid.moments", "--out", $"{part}.moments"]);
            Assert.StartsWith($"{part}.moments: {700 + part} rows in ", said, StringComparison.Ordinal);
        }

        Run("fit", "--moments", "2.moments", "0.moments", "1.moments", "--no-plots", "--quiet", "--out", "sum");

        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("all/model.safetensors")), File.ReadAllBytes(Console.PathOf("sum/model.safetensors")));
        using JsonDocument sum = Summary("sum");
        Assert.Equal(2103, sum.RootElement.GetProperty("rows").GetInt64());
        Assert.Equal("temp", sum.RootElement.GetProperty("x")[0].GetString());
    }

    [Fact]
    public void ManyFiles_GoOnWhereTheyWere()
    {
        for (int part = 0; part < 3; part++)
        {
            Write($"part-{part}.csv", 500, part);
        }

        Run("fit", "part-*.csv", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out", "whole");

        // As an interrupted run leaves it: moments of some files, and no configuration.
        Directory.CreateDirectory(Console.PathOf("begun"));
        Directory.Move(Console.PathOf("whole/moments"), Console.PathOf("begun/moments"));
        File.Delete(Console.PathOf("begun/moments/0002-part-2.csv.moments"));
        DateTime first = File.GetLastWriteTimeUtc(Console.PathOf("begun/moments/0000-part-0.csv.moments"));
        Write("part-1.csv", 501, 7);
        File.WriteAllText(Console.PathOf("begun/moments/0001-part-1.csv.moments"), "damaged");
        Run("fit", "part-*.csv", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out", "begun");

        // The first was not read again, the second has changed since, the third was never read.
        Assert.Equal(first, File.GetLastWriteTimeUtc(Console.PathOf("begun/moments/0000-part-0.csv.moments")));
        using JsonDocument begun = Summary("begun");
        Assert.Equal(1501, begun.RootElement.GetProperty("rows").GetInt64());
    }

    // At any moment: what is there is whole, and the same command goes on to the same bits.
    [Fact]
    public void KilledFit_LeavesNothingHalfWrittenAndGoesOn()
    {
        for (int part = 0; part < 6; part++)
        {
            Write($"part-{part:00}.csv", 20_000, part);
        }

        string[] fit = ["fit", "part-*.csv", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out"];
        Run([.. fit, "whole"]);
        ConsoleProcess.Running running = Console.Start(ConsoleProcess.Executable, [.. fit, "killed"]);
        running.Until(() => File.Exists(Console.PathOf("killed/moments/0001-part-01.csv.moments")));
        running.Kill();
        running.Wait();
        string[] kept = Directory.GetFiles(Console.PathOf("killed/moments"), "*.moments");
        Assert.InRange(kept.Length, 3, 7);
        Assert.All(kept, path => Assert.True(Moments.Load(path).Moments.Count is 0 or 20_000));

        // On a busy machine it may have been at its end by then.
        foreach (string last in new[] { "config.json", "search.csv", "summary.json" })
        {
            File.Delete(Console.PathOf($"killed/{last}"));
        }

        Run([.. fit, "killed"]);

        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("whole/model.safetensors")), File.ReadAllBytes(Console.PathOf("killed/model.safetensors")));
    }

    // 65,536 rows are read at a time: those left out after the last of them are counted, too.
    [Fact]
    public void RowsLeftOutAtTheEnd_AreCounted()
    {
        Write("part-0.csv", 1 << 16, 1);
        Write("part-1.csv", 300, 2);
        File.AppendAllText(Console.PathOf("part-0.csv"), "1,,2,3,up\n1,2,NA,3,up\n");
        File.AppendAllText(Console.PathOf("part-1.csv"), "1,,2,3,up\n");
        Run("fit", "part-*.csv", "--x", "temp", "--y", "load", "--missing", "drop", "--no-plots", "--quiet", "--out", "run");

        using JsonDocument run = Summary("run");
        Assert.Equal(3, run.RootElement.GetProperty("dropped_rows").GetInt64());
        Assert.Equal((1 << 16) + 300, run.RootElement.GetProperty("rows").GetInt64());
    }

    [Fact]
    public void ParquetAndCsv_GiveTheSameBits()
    {
        Write("rows.csv", 3000, 8);
        Table table = CsvTable.Read(Console.PathOf("rows.csv"), ["temp", "load"]);
        Written.Write(
            Console.PathOf("rows.parquet"),
            ("temp", [.. table["temp"].ToArray().Select(value => (double?)value)]),
            ("load", [.. table["load"].ToArray().Select(value => (double?)value)]));
        string[] options = ["--x", "temp", "--y", "load", "--one-pass", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", .. options, "csv"]);
        Run(["fit", "rows.parquet", .. options, "parquet"]);

        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("csv/model.safetensors")), File.ReadAllBytes(Console.PathOf("parquet/model.safetensors")));
    }

    // Some row groups are looked at, and all of them where rows are in the keys' order: the same cells either way.
    [Theory]
    [LongData("parquet")]
    [LongData("arrow")]
    public void LargeFilesOfBlocks_AreCutAlikeInAnyOrder(string ending)
    {
        const int groups = 20;
        const int rows = 30_000;
        var random = new Random(5);
        double[] mixed = [.. Enumerable.Range(0, groups * rows).Select(_ => 20 * random.NextDouble())];
        double[] noise = [.. mixed.Select(_ => random.NextDouble())];
        Blocks("mixed", mixed);
        Blocks("ordered", [.. mixed.Order()]);
        double[] x = [.. mixed];
        x[^7] = double.NaN;
        Blocks("missing", x);
        JsonElement Fit(string name)
        {
            Run("fit", $"{name}.{ending}", "--x", "temp", "--y", "load", "--one-pass", "--no-plots", "--quiet", "--out", name);
            return JsonDocument.Parse(File.ReadAllText(Console.PathOf($"{name}/config.json"))).RootElement;
        }

        Assert.Equal(Fit("mixed").GetProperty("cell").GetDouble(), Fit("ordered").GetProperty("cell").GetDouble());
        Assert.Equal(groups * rows, Summary("mixed").RootElement.GetProperty("rows").GetInt64());
        ConsoleProcess.Result refused = Console.Run("fit", $"missing.{ending}", "--x", "temp", "--y", "load", "--one-pass", "--out", "no");
        Assert.StartsWith(
            $"error: missing.{ending}, row {(groups * rows) - 6}, column 'temp': expected a number", refused.Error,
            StringComparison.Ordinal);

        void Blocks(string name, double[] keys)
        {
            string path = Console.PathOf($"{name}.{ending}");
            double[] values = [.. keys.Zip(noise, (key, error) => (100 * (double.IsNaN(key) ? 0 : key)) + Math.Sin(key) + error)];
            double[][][] parts = [.. Enumerable.Range(0, groups).Select(
                g => new[] { keys[(g * rows)..((g + 1) * rows)], values[(g * rows)..((g + 1) * rows)] })];
            if (ending == "arrow")
            {
                Written.Arrow(path, ["temp", "load"], parts);
                return;
            }

            int part = 0;
            Written.Parquet(
                path,
                [new DataField<double>("temp"), new DataField<double>("load")],
                (group, field) => group.WriteAsync<double>(field, parts[part++ / 2][field.Name == "temp" ? 0 : 1]),
                groups);
        }
    }

    [Fact]
    public void StandardInput_IsReadOnce()
    {
        Write("rows.csv", 3000, 2);
        ConsoleProcess.Running running = Console.Start(
            ConsoleProcess.Executable,
            ["fit", "-", "--one-pass", "--x", "temp", "--y", "load", "--missing", "drop", "--json", "--no-plots", "--out", "piped"]);
        running.Input.Write(File.ReadAllText(Console.PathOf("rows.csv")) + "9,NA,1,1,up\n");
        running.Input.Close();
        ConsoleProcess.Result result = running.Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using var summary = JsonDocument.Parse(result.Output);
        Assert.Equal(3000, summary.RootElement.GetProperty("rows").GetInt64());
        Assert.Equal(1, summary.RootElement.GetProperty("dropped_rows").GetInt64());
    }

    // A row far from cells of many rows: those near it are read again, and it is said where they cannot be.
    [Fact]
    public void OpenRows_AreReadAgain()
    {
        Write("rows.csv", 12_000, 9);
        string text = File.ReadAllText(Console.PathOf("rows.csv")) + "7,40,1,1,up\n";
        Console.Write("rows.csv", text);
        string[] fit = ["--x", "temp", "--y", "load", "--no-plots"];
        Run(["fit", "rows.csv", .. fit, "--degree", "0", "--quiet", "--out", "memory"]);
        string[] onePass = [.. fit, "--one-pass", "--cell", "0.125", "--out"];
        Assert.Contains("of it, proved)", Run(["fit", "rows.csv", .. onePass, "pass"]), StringComparison.Ordinal);
        ConsoleProcess.Running piped = Console.Start(ConsoleProcess.Executable, ["fit", "-", .. onePass, "piped"]);
        piped.Input.Write(text);
        piped.Input.Close();
        Run(["moments", "rows.csv", .. fit[..4], "--cell", "0.125", "--out", "rows.moments"]);
        string ofMoments = Run("fit", "--moments", "rows.moments", "--no-plots", "--out", "moments");

        Assert.Contains("cannot be read a second time, as a pipe", piped.Wait().Output, StringComparison.Ordinal);
        Assert.Contains("fit --one-pass of the rows themselves", ofMoments, StringComparison.Ordinal);
        Assert.DoesNotContain("proved)", ofMoments, StringComparison.Ordinal);
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(expected, pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-8 * expected);
        Assert.Equal(1, pass.RootElement.GetProperty("certificate").GetProperty("settled_rows").GetInt64());
    }

    [Fact]
    public void MomentsOfOtherColumnsOrCells_AreNotAdded()
    {
        Write("rows.csv", 500, 4);
        Run("moments", "rows.csv", "--x", "temp", "--y", "load", "--cell", "0.5", "--out", "a.moments");
        Run("moments", "rows.csv", "--x", "temp", "--y", "load", "--cell", "0.1", "--out", "b.moments");
        Run("moments", "rows.csv", "--x", "load", "--y", "temp", "--cell", "0.5", "--out", "c.moments");
        string[] grid = ["moments", "rows.csv", "--x", "temp", "--grid", "a.moments", "--out", "d.moments"];
        Assert.Equal(
            "error: --y: expected as many columns as the moments of --grid have, 1, got 2\n",
            Console.Run([.. grid, "--y", "load,share"]).Error);
        Assert.Equal(
            "error: --classes: expected a --grid of moments of classes, got one of values\n",
            Console.Run([.. grid, "--y", "kind", "--classes"]).Error);

        Refused("--moments: b.moments is cut otherwise than a.moments; make it with --grid a.moments", "a.moments", "b.moments");
        Refused(
            "--moments: expected moments of the columns temp, load as in a.moments, got load, temp in c.moments", "a.moments", "c.moments");

        void Refused(string message, params string[] files)
        {
            ConsoleProcess.Result result = Console.Run(["fit", "--out", "run", "--moments", .. files]);
            Assert.Equal((2, $"error: {message}\n"), (result.ExitCode, result.Error));
            Assert.False(Directory.Exists(Console.PathOf("run")));
        }
    }

    // A database's answer has a grid too: what is cut by it adds up with the answer.
    [Fact]
    public void RowsOfAFile_AddToTheAnswerOfADatabase()
    {
        var answer = new StringBuilder("cell_exponent,cell,count,x,y,level");
        foreach (string name in (string[])["m", "v", "q"])
        {
            answer.Append(string.Concat(Enumerable.Range(name == "m" ? 1 : 0, name == "m" ? 15 : 16).Select(k => $",{name}{k}")));
        }

        answer.Append('\n');
        for (int i = 0; i < 80; i++)
        {
            double x = (i * 0.25) + 0.1;
            answer.Append(
                CultureInfo.InvariantCulture, $"-3,{(int)Math.Floor(8 * x)},1,{x},{Math.Sin(x):R},0.5{new string(',', 47)}\n");
        }

        Console.Write("answer.csv", answer.ToString());
        Write("rows.csv", 700, 11);
        Run("moments", "rows.csv", "--x", "temp", "--y", "load", "--grid", "answer.csv", "--out", "rows.moments");
        Run("fit", "--moments", "answer.csv", "rows.moments", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out", "sum");

        using JsonDocument sum = Summary("sum");
        Assert.Equal(780, sum.RootElement.GetProperty("rows").GetInt64());
        foreach ((string x, string y, string expected) in ((string, string, string)[])
        [
            ("temp", "load,share", "--y: expected 1 as in the answer answer.csv, got 2: 'load,share'"),
            ("temp,wind", "load", "--x: expected 1 as in the answer answer.csv, got 2: 'temp,wind'"),
        ])
        {
            ConsoleProcess.Result other = Console.Run("fit", "--moments", "answer.csv", "--x", x, "--y", y, "--out", "other");
            Assert.Equal((2, $"error: {expected}\n"), (other.ExitCode, other.Error));
            Assert.False(Directory.Exists(Console.PathOf("other")));
        }
    }
}
