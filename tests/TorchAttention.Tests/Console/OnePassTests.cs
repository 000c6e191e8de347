using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Parquet.Schema;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Fits of rows that are read once: the same numbers as in memory, in parts that add up, whatever ends the process.</summary>
public sealed class OnePassTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [LongData("0", false)]
    [LongData("1", false)]
    [InlineData("1", true)]
    public void Fit_FindsWhatItFindsInMemory(string degree, bool hasWeights)
    {
        Write("rows.csv", 4000, 1);
        string[] weights = hasWeights ? ["--weights", "share"] : [];
        string[] fit = ["fit", "rows.csv", "--x", "temp", "--y", "load", "--degree", degree, .. weights];
        Run([.. fit, "--no-plots", "--quiet", "--out", "memory"]);
        string output = Run([.. fit, "--one-pass", "--out", "pass"]);

        Assert.Contains("of it, proved)", output, StringComparison.Ordinal);
        Assert.Equal(
            ["config.json", "model.safetensors", "plots", "search.csv", "summary.json"],
            Directory.GetFileSystemEntries(_console.PathOf("pass")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(File.Exists(_console.PathOf("pass/plots/fit.png")));
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        string[] keys = [.. memory.RootElement.EnumerateObject().Select(property => property.Name)];
        Assert.Equal([.. keys, "certificate"], pass.RootElement.EnumerateObject().Select(property => property.Name).OrderBy(
            name => Array.IndexOf(keys, name) is var at && at >= 0 ? at : keys.Length));
        double h = memory.RootElement.GetProperty("bandwidth")[0].GetDouble();
        Assert.Equal(h, pass.RootElement.GetProperty("bandwidth")[0].GetDouble(), 1e-4 * h);
        foreach (string key in new[] { "leave_one_out_error", "aicc", "gcv" })
        {
            double expected = memory.RootElement.GetProperty(key).GetDouble();
            Assert.Equal(expected, pass.RootElement.GetProperty(key).GetDouble(), 1e-7 * Math.Abs(expected));
        }

        double bound = pass.RootElement.GetProperty("certificate").GetProperty("bound").GetDouble();
        Assert.InRange(bound, 0, 1e-10);

        _console.Write("q.csv", "temp\n3.5\n11\n-50\n");
        double[] Means(string model) => [.. Run("predict", "q.csv", "--model", $"{model}/model.safetensors").Split('\n')[1..3]
            .Select(line => double.Parse(line.Split(',')[1], CultureInfo.InvariantCulture))];
        Assert.All(Means("memory").Zip(Means("pass")), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
        Assert.Contains("outside", Run("predict", "q.csv", "--model", "pass/model.safetensors"), StringComparison.Ordinal);
    }

    [Fact]
    public void PictureOfManyRows_SaysOfHowManyItsDensityIs()
    {
        Write("few.csv", 2000, 6);
        Write("many.csv", 400_000, 6);
        foreach (string rows in new[] { "few", "many" })
        {
            Run("fit", $"{rows}.csv", "--x", "temp", "--y", "load", "--one-pass", "--quiet", "--out", rows);
        }

        Assert.DoesNotContain("density", File.ReadAllText(_console.PathOf("few/plots/fit.svg")), StringComparison.Ordinal);
        Assert.DoesNotContain("<image", File.ReadAllText(_console.PathOf("few/plots/fit.svg")), StringComparison.Ordinal);
        string many = File.ReadAllText(_console.PathOf("many/plots/fit.svg"));
        Assert.Matches(@"density of 1\d\d,\d{3} of them", many);
        Assert.Contains("<image", many, StringComparison.Ordinal);
    }

    // One bandwidth for all, by the sum of their squares.
    [Fact]
    public void FitOfSeveralTargets_SaysWhatEachSaysAlone()
    {
        Write("rows.csv", 3000, 1);
        string[] fit = ["fit", "rows.csv", "--x", "temp", "--one-pass", "--out"];
        string output = Run([.. fit, "both", "--y", "load,share"]);
        using JsonDocument both = Summary("both");
        string h = both.RootElement.GetProperty("bandwidth")[0].GetDouble().ToString("R", CultureInfo.InvariantCulture);
        string[] targets = ["load", "share"];
        double error = 0;
        foreach ((int c, string target) in targets.Index())
        {
            Run([.. fit, target, "--y", target, "--bandwidth", h, "--no-plots", "--quiet"]);
            using JsonDocument one = Summary(target);
            error += one.RootElement.GetProperty("leave_one_out_error").GetDouble();
            foreach (string key in new[] { "r_squared", "residual_standard_error" })
            {
                Assert.Equal(
                    one.RootElement.GetProperty(key)[0].GetDouble(), both.RootElement.GetProperty(key)[c].GetDouble(), 1e-9);
            }

            Assert.Contains($"R squared of {target}", output, StringComparison.Ordinal);
            Assert.True(File.Exists(_console.PathOf($"both/plots/fit-{c + 1}.png")));
        }

        Assert.Equal(error, both.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-9 * error);
        Assert.Equal("load,share", both.RootElement.GetProperty("y").GetString());
        _console.Write("q.csv", "temp\n3.5\n");
        string[] predicted = Run("predict", "q.csv", "--model", "both/model.safetensors", "--slopes").Split('\n');
        Assert.Equal(
            "temp,mean_load,se_load,lower_load,upper_load,slope_temp_load,mean_share,se_share,lower_share,upper_share,"
                + "slope_temp_share,neighbours,flag",
            predicted[0]);
        string[] load = Run("predict", "q.csv", "--model", "load/model.safetensors", "--slopes").Split('\n')[1].Split(',');
        Assert.Equal(
            double.Parse(load[1], CultureInfo.InvariantCulture),
            double.Parse(predicted[1].Split(',')[1], CultureInfo.InvariantCulture),
            1e-8);
        ConsoleProcess.Result refused = _console.Run("condense", "--model", "both/model.safetensors", "--out", "a.cs");
        Assert.StartsWith("error: --model: both/model.safetensors is condensed already", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void FitOfClasses_FindsWhatItFindsInMemory()
    {
        Write("rows.csv", 4000, 1);
        File.AppendAllText(_console.PathOf("rows.csv"), "4000,3,1,1,late\n");
        string[] fit = ["fit", "rows.csv", "--x", "temp", "--y", "kind", "--classes"];
        Run([.. fit, "--no-plots", "--quiet", "--out", "memory"]);
        string output = Run([.. fit, "--one-pass", "--out", "pass"]);

        Assert.Contains("leave-one-out log loss", output, StringComparison.Ordinal);
        Assert.True(File.Exists(_console.PathOf("pass/plots/probabilities.png")));
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        string[] keys = [.. memory.RootElement.EnumerateObject().Select(property => property.Name)];
        Assert.Equal(
            ["certificate", "leave_one_out_log_loss"],
            pass.RootElement.EnumerateObject().Select(property => property.Name).Except(keys).Order(StringComparer.Ordinal));
        Assert.Equal(memory.RootElement.GetProperty("classes").ToString(), pass.RootElement.GetProperty("classes").ToString());
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(expected, pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-9);
        _console.Write("q.csv", "temp\n3.5\n11\n");
        string[][] Rows(string model) =>
            [.. Run("predict", "q.csv", "--model", $"{model}/model.safetensors").Split('\n')[..3].Select(line => line.Split(','))];
        (string[][] one, string[][] other) = (Rows("memory"), Rows("pass"));
        Assert.Equal(one[0], other[0]);
        Assert.All(one.Zip(other), pair => Assert.Equal(pair.First[^3], pair.Second[^3]));
        string[] condense = ["condense", "--model", "memory/model.safetensors", "--out"];
        Assert.Contains("small.safetensors: 4 curves", Run([.. condense, "small.safetensors"]), StringComparison.Ordinal);
        Assert.StartsWith("error: --out: expected a file that ends in .safetensors", _console.Run([.. condense, "a.cs"]).Error);
        Assert.Equal(
            double.Parse(one[1][1], CultureInfo.InvariantCulture),
            double.Parse(
                Run("predict", "q.csv", "--model", "small.safetensors").Split('\n')[1].Split(',')[1], CultureInfo.InvariantCulture),
            1e-8);

        // The same of moments.
        string[] columns = ["--x", "temp", "--y", "kind", "--classes"];
        Run(["moments", "rows.csv", .. columns, "--out", "a.moments"]);
        Run("fit", "--moments", "a.moments", "--no-plots", "--quiet", "--out", "sum");
        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("pass/model.safetensors")), File.ReadAllBytes(_console.PathOf("sum/model.safetensors")));
    }

    [Fact]
    public void FoldsOfMoments_FindTheBandwidthOfOnePass()
    {
        LongTests.SkipUnlessAskedFor();
        Write("rows.csv", 2000, 9);
        string[] columns = ["--x", "temp", "--y", "load"];
        string[] rest = ["--bandwidth", "kfold", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", .. columns, "--one-pass", .. rest, "pass"]);
        Run(["moments", "rows.csv", .. columns, "--folds", "10", "--out", "a.moments"]);
        Run(["fit", "--moments", "a.moments", .. rest, "sum"]);
        Run(["fit", "rows.csv", .. columns, "--degree", "0", .. rest, "memory"]);

        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("pass/model.safetensors")), File.ReadAllBytes(_console.PathOf("sum/model.safetensors")));
        using JsonDocument pass = Summary("pass");
        Assert.Equal("kfold", pass.RootElement.GetProperty("rule").GetString());
        using JsonDocument memory = Summary("memory");
        double h = memory.RootElement.GetProperty("bandwidth")[0].GetDouble();
        Assert.InRange(pass.RootElement.GetProperty("bandwidth")[0].GetDouble(), 0.7 * h, 1.4 * h);
        Run(["moments", "rows.csv", .. columns, "--out", "b.moments"]);
        ConsoleProcess.Result refused = _console.Run(["fit", "--moments", "b.moments", .. rest, "no"]);
        Assert.Equal(
            "error: --bandwidth: expected moments of 10 folds for kfold, got none; make them with moments --folds 10\n", refused.Error);
    }

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
            File.ReadAllBytes(_console.PathOf("all/model.safetensors")), File.ReadAllBytes(_console.PathOf("sum/model.safetensors")));
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
        Directory.CreateDirectory(_console.PathOf("begun"));
        Directory.Move(_console.PathOf("whole/moments"), _console.PathOf("begun/moments"));
        File.Delete(_console.PathOf("begun/moments/0002-part-2.csv.moments"));
        DateTime first = File.GetLastWriteTimeUtc(_console.PathOf("begun/moments/0000-part-0.csv.moments"));
        Write("part-1.csv", 501, 7);
        File.WriteAllText(_console.PathOf("begun/moments/0001-part-1.csv.moments"), "damaged");
        Run("fit", "part-*.csv", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out", "begun");

        // The first was not read again, the second has changed since, the third was never read.
        Assert.Equal(first, File.GetLastWriteTimeUtc(_console.PathOf("begun/moments/0000-part-0.csv.moments")));
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
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, [.. fit, "killed"]);
        running.Until(() => File.Exists(_console.PathOf("killed/moments/0001-part-01.csv.moments")));
        running.Kill();
        running.Wait();
        string[] kept = Directory.GetFiles(_console.PathOf("killed/moments"), "*.moments");
        Assert.InRange(kept.Length, 3, 7);
        Assert.All(kept, path => Assert.True(Moments.Load(path).Moments.Count is 0 or 20_000));

        // On a busy machine it may have been at its end by then.
        foreach (string last in new[] { "config.json", "search.csv", "summary.json" })
        {
            File.Delete(_console.PathOf($"killed/{last}"));
        }

        Run([.. fit, "killed"]);

        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("whole/model.safetensors")), File.ReadAllBytes(_console.PathOf("killed/model.safetensors")));
    }

    [Fact]
    public void ParquetAndCsv_GiveTheSameBits()
    {
        Write("rows.csv", 3000, 8);
        Table table = CsvTable.Read(_console.PathOf("rows.csv"), ["temp", "load"]);
        Written.Write(
            _console.PathOf("rows.parquet"),
            ("temp", [.. table["temp"].ToArray().Select(value => (double?)value)]),
            ("load", [.. table["load"].ToArray().Select(value => (double?)value)]));
        string[] options = ["--x", "temp", "--y", "load", "--one-pass", "--no-plots", "--quiet", "--out"];
        Run(["fit", "rows.csv", .. options, "csv"]);
        Run(["fit", "rows.parquet", .. options, "parquet"]);

        Assert.Equal(
            File.ReadAllBytes(_console.PathOf("csv/model.safetensors")), File.ReadAllBytes(_console.PathOf("parquet/model.safetensors")));
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
            return JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{name}/config.json"))).RootElement;
        }

        Assert.Equal(Fit("mixed").GetProperty("cell").GetDouble(), Fit("ordered").GetProperty("cell").GetDouble());
        Assert.Equal(groups * rows, Summary("mixed").RootElement.GetProperty("rows").GetInt64());
        ConsoleProcess.Result refused = _console.Run("fit", $"missing.{ending}", "--x", "temp", "--y", "load", "--one-pass", "--out", "no");
        Assert.StartsWith(
            $"error: missing.{ending}, row {(groups * rows) - 6}, column 'temp': expected a number", refused.Error,
            StringComparison.Ordinal);

        void Blocks(string name, double[] keys)
        {
            string path = _console.PathOf($"{name}.{ending}");
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
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable,
            ["fit", "-", "--one-pass", "--x", "temp", "--y", "load", "--missing", "drop", "--json", "--no-plots", "--out", "piped"]);
        running.Input.Write(File.ReadAllText(_console.PathOf("rows.csv")) + "9,NA,1,1,up\n");
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
        string text = File.ReadAllText(_console.PathOf("rows.csv")) + "7,40,1,1,up\n";
        _console.Write("rows.csv", text);
        string[] fit = ["--x", "temp", "--y", "load", "--no-plots"];
        Run(["fit", "rows.csv", .. fit, "--degree", "0", "--quiet", "--out", "memory"]);
        string[] onePass = [.. fit, "--one-pass", "--cell", "0.125", "--out"];
        Assert.Contains("of it, proved)", Run(["fit", "rows.csv", .. onePass, "pass"]), StringComparison.Ordinal);
        ConsoleProcess.Running piped = _console.Start(ConsoleProcess.Executable, ["fit", "-", .. onePass, "piped"]);
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

    [Theory]
    [InlineData("biweight", "0")]
    [LongData("epanechnikov", "1")]
    public void KernelThatEnds_FindsWhatItFindsInMemory(string kernel, string degree)
    {
        Write("rows.csv", 3000, 10);
        string[] fit = ["fit", "rows.csv", "--x", "temp", "--y", "load", "--kernel", kernel, "--degree", degree, "--quiet", "--out"];
        Run([.. fit, "memory", "--no-plots"]);
        Run([.. fit, "pass", "--one-pass"]);

        Assert.Equal(
            ["config.json", "curve.csv", "plots", "search.csv", "summary.json"],
            Directory.GetFileSystemEntries(_console.PathOf("pass")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        double h = memory.RootElement.GetProperty("bandwidth")[0].GetDouble();
        Assert.Equal(h, pass.RootElement.GetProperty("bandwidth")[0].GetDouble(), 1e-2 * h);
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.InRange(pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 0.9999 * expected, (1 + 1e-7) * expected);
        Assert.Equal(JsonValueKind.Null, pass.RootElement.GetProperty("model").ValueKind);
    }

    [Fact]
    public void CondensedModel_PredictsAsItsModel()
    {
        Write("rows.csv", 2000, 3);
        Run("fit", "rows.csv", "--x", "temp", "--y", "load", "--degree", "0", "--no-plots", "--quiet", "--out", "fit");
        string said = Run("condense", "--model", "fit/model.safetensors", "--out", "small.safetensors");
        Assert.Matches(@"^small.safetensors: \d+ pieces for 2000 examples, within .* of the fit, proved; \d+ bytes\n$", said);

        _console.Write("q.csv", "temp\n3.5\n11\n17\n");
        string[] whole = Run("predict", "q.csv", "--model", "fit/model.safetensors").Split('\n');
        string[] small = Run("predict", "q.csv", "--model", "small.safetensors").Split('\n');
        Assert.Equal(whole[0], small[0]);
        for (int i = 1; i < 4; i++)
        {
            (string[] expected, string[] actual) = (whole[i].Split(','), small[i].Split(','));
            Assert.Equal(
                double.Parse(expected[1], CultureInfo.InvariantCulture), double.Parse(actual[1], CultureInfo.InvariantCulture), 1e-8);
            Assert.Equal(expected[^1], actual[^1]);
        }

        Run("condense", "--model", "small.safetensors", "--out", "small-curve.cs");
        string source = File.ReadAllText(_console.PathOf("small-curve.cs"));
        Assert.Contains("public static class smallcurve", source, StringComparison.Ordinal);

        // Of the model and of the curve: the same bytes, with the columns' names.
        Run("condense", "--model", "small.safetensors", "--out", "curve.onnx");
        Run("condense", "--model", "fit/model.safetensors", "--out", "whole.ONNX");
        byte[] onnx = File.ReadAllBytes(_console.PathOf("curve.onnx"));
        Assert.Equal(onnx, File.ReadAllBytes(_console.PathOf("whole.ONNX")));
        using var session = new InferenceSession(onnx);
        Assert.Equal("[\"temp\"]", session.ModelMetadata.CustomMetadataMap["note.x"]);
    }

    [Theory]
    [InlineData("--degree: expected 0 with --classes", "fit", "mcycle", "--one-pass", "--classes", "--degree", "1")]
    [InlineData("--y: expected columns separated by commas, got 'load,'", "fit", "bad.csv", "--one-pass", "--y", "load,")]
    [InlineData("--y: expected columns that are not named twice", "fit", "bad.csv", "--one-pass", "--x", "temp", "--y", "load,load")]
    [InlineData("--y: expected one column, got 'load,temp'; fit --one-pass", "fit", "bad.csv", "--x", "temp", "--y", "load,temp")]
    [InlineData("--moments: expected no --classes", "fit", "--moments", "a.moments", "--classes")]
    [InlineData("--folds: expected at most 1000, got 2000", "moments", "mcycle", "--folds", "2000", "--out", "a.moments")]
    [InlineData("--folds: expected none beside --grid", "moments", "mcycle", "--folds", "5", "--grid", "b", "--out", "a.moments")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--bandwidth", "scott")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--degree", "2")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--ridge", "1")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--kernel", "boxcar", "--bandwidth", "kfold")]
    [InlineData("--kernel: expected gaussian beside --classes", "fit", "mcycle", "--one-pass", "--classes", "--kernel", "tricube")]
    [InlineData("--kernel: expected gaussian beside several targets", "fit", "bad.csv", "--one-pass", "--y", "a,b", "--kernel", "tricube")]
    [InlineData("--moments: expected the gaussian kernel", "fit", "--moments", "a.moments", "--kernel", "tricube")]
    [InlineData("--cell: expected the gaussian kernel", "fit", "mcycle", "--one-pass", "--cell", "1", "--kernel", "tricube")]
    [InlineData("--model: expected the gaussian kernel", "fit", "mcycle", "--one-pass", "--model", "m", "--kernel", "boxcar")]
    [InlineData("--kernel: expected gaussian", "fit", "-", "--one-pass", "--kernel", "boxcar")]
    [InlineData("--cell: expected none beside --moments", "fit", "--moments", "a.moments", "--cell", "1")]
    [InlineData("--moments: expected no --weights", "fit", "--moments", "a.moments", "--weights", "w")]
    [InlineData("--classes: expected none beside --sql", "moments", "--sql", "sqlite", "--classes")]
    [InlineData("--folds: expected none beside --sql", "moments", "--sql", "sqlite", "--folds", "5")]
    [InlineData("--moments: expected no --data", "fit", "mcycle", "--moments", "a.moments")]
    [InlineData("--cell: expected --one-pass", "fit", "mcycle", "--cell", "1")]
    [InlineData("--data: no file is called as 'none-*.csv' says", "fit", "none-*.csv")]
    [InlineData("a.moments: no such file", "fit", "--moments", "a.moments")]
    [InlineData(
        "bad.csv, row 3, column 'load': expected a number, found 'x'; for a column of classes add --classes",
        "fit",
        "bad.csv",
        "--one-pass")]
    [InlineData("none.csv: no such file", "moments", "none.csv", "--out", "a.moments")]
    [InlineData("--out: expected a file, got none", "moments", "mcycle")]
    [InlineData("--out: expected a file, as moments are no text, got -", "moments", "mcycle", "--out", "-")]
    [InlineData("..: expected a CSV file, found a directory", "fit", "..", "--one-pass")]
    [InlineData("..: expected a CSV file, found a directory", "fit", "..", "--one-pass", "--kernel", "boxcar")]
    [InlineData("none.csv: no such file", "fit", "none.csv", "--one-pass", "--kernel", "boxcar")]
    [InlineData("--out: expected a file that ends in", "condense", "--model", "bad.csv", "--out", "a.txt")]
    [InlineData("bad.csv: expected a safetensors file", "condense", "--model", "bad.csv", "--out", "a.cs")]
    public void WrongInput_IsOneLineAndNothingIsWritten(string message, params string[] arguments)
    {
        _console.Write("bad.csv", "temp,load\n1,2\n3,x\n4,5\n");
        ConsoleProcess.Result result = _console.Run([.. arguments, .. arguments[0] == "fit" ? (string[])["--out", "run"] : []]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.Equal(["bad.csv"], Directory.GetFileSystemEntries(_console.Folder).Select(Path.GetFileName));
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
            _console.Run([.. grid, "--y", "load,share"]).Error);
        Assert.Equal(
            "error: --classes: expected a --grid of moments of classes, got one of values\n",
            _console.Run([.. grid, "--y", "kind", "--classes"]).Error);

        Refused("--moments: b.moments is cut otherwise than a.moments; make it with --grid a.moments", "a.moments", "b.moments");
        Refused(
            "--moments: expected moments of the columns temp, load as in a.moments, got load, temp in c.moments", "a.moments", "c.moments");

        void Refused(string message, params string[] files)
        {
            ConsoleProcess.Result result = _console.Run(["fit", "--out", "run", "--moments", .. files]);
            Assert.Equal((2, $"error: {message}\n"), (result.ExitCode, result.Error));
            Assert.False(Directory.Exists(_console.PathOf("run")));
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

        _console.Write("answer.csv", answer.ToString());
        Write("rows.csv", 700, 11);
        Run("moments", "rows.csv", "--x", "temp", "--y", "load", "--grid", "answer.csv", "--out", "rows.moments");
        Run("fit", "--moments", "answer.csv", "rows.moments", "--x", "temp", "--y", "load", "--no-plots", "--quiet", "--out", "sum");

        using JsonDocument sum = Summary("sum");
        Assert.Equal(780, sum.RootElement.GetProperty("rows").GetInt64());
    }

    [Fact]
    public void ValuesThatDoNotVary_TakeTheWidestBandwidth()
    {
        _console.Write("flat.csv", "x,y\n1,5\n2,5\n3,5\n4,5\n");
        string output = Run("fit", "flat.csv", "--one-pass", "--no-plots", "--out", "run");
        Assert.Contains("the widest was taken, the smoothest fit", output, StringComparison.Ordinal);
        using JsonDocument summary = Summary("run");
        Assert.Equal(24, summary.RootElement.GetProperty("bandwidth")[0].GetDouble(), 1e-9);
    }

    [Fact]
    public void CellsThatAreTooWide_AreSaid()
    {
        Write("rows.csv", 2000, 5);
        string output = Run("fit", "rows.csv", "--x", "temp", "--y", "load", "--one-pass", "--cell", "4", "--no-plots", "--out", "run");
        Assert.Contains(
            "the narrowest predicts best: narrower ones need narrower cells, --cell 0.5 say", output, StringComparison.Ordinal);
        using JsonDocument summary = Summary("run");
        Assert.True(summary.RootElement.GetProperty("at_bound").GetBoolean());
    }

    private string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    private JsonDocument Summary(string run) => JsonDocument.Parse(File.ReadAllText(_console.PathOf($"{run}/summary.json")));

    private void Write(string file, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("id,temp,load,share,kind\n");
        for (int i = 0; i < rows; i++)
        {
            double x = 20 * random.NextDouble();
            text.Append(CultureInfo.InvariantCulture, $"{i},{x:F5},{Math.Sin(x) + random.NextDouble():F5},{1 + (i % 7)},");
            text.Append(Math.Sin(x) > (i % 10 * 0.2) - 0.9 ? "up\n" : i % 9 == 0 ? "down\n" : "level\n");
        }

        _console.Write(file, text.ToString());
    }
}
