using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace TorchAttention.Tests.Console;

/// <summary>Fits of rows that are read once: the same numbers as in memory.</summary>
public sealed class OnePassTests : OnePassConsole
{
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
            Directory.GetFileSystemEntries(Console.PathOf("pass")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(File.Exists(Console.PathOf("pass/plots/fit.png")));
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

        Console.Write("q.csv", "temp\n3.5\n11\n-50\n");
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

        Assert.DoesNotContain("density", File.ReadAllText(Console.PathOf("few/plots/fit.svg")), StringComparison.Ordinal);
        Assert.DoesNotContain("<image", File.ReadAllText(Console.PathOf("few/plots/fit.svg")), StringComparison.Ordinal);
        string many = File.ReadAllText(Console.PathOf("many/plots/fit.svg"));
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
            Assert.True(File.Exists(Console.PathOf($"both/plots/fit-{c + 1}.png")));
        }

        Assert.Equal(error, both.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-9 * error);
        Assert.Equal("load,share", both.RootElement.GetProperty("y").GetString());
        Console.Write("q.csv", "temp\n3.5\n");
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
        ConsoleProcess.Result refused = Console.Run("condense", "--model", "both/model.safetensors", "--out", "a.cs");
        Assert.StartsWith("error: --model: both/model.safetensors is condensed already", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void FitOfClasses_FindsWhatItFindsInMemory()
    {
        Write("rows.csv", 4000, 1);
        File.AppendAllText(Console.PathOf("rows.csv"), "4000,3,1,1,late\n");
        string[] fit = ["fit", "rows.csv", "--x", "temp", "--y", "kind", "--classes"];
        Run([.. fit, "--no-plots", "--quiet", "--out", "memory"]);
        string output = Run([.. fit, "--one-pass", "--out", "pass"]);

        Assert.Contains("leave-one-out log loss", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Console.PathOf("pass/plots/probabilities.png")));
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        string[] keys = [.. memory.RootElement.EnumerateObject().Select(property => property.Name)];
        Assert.Equal(
            ["certificate", "leave_one_out_log_loss"],
            pass.RootElement.EnumerateObject().Select(property => property.Name).Except(keys).Order(StringComparer.Ordinal));
        Assert.Equal(memory.RootElement.GetProperty("classes").ToString(), pass.RootElement.GetProperty("classes").ToString());
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.Equal(expected, pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-9);
        Console.Write("q.csv", "temp\n3.5\n11\n");
        string[][] Rows(string model) =>
            [.. Run("predict", "q.csv", "--model", $"{model}/model.safetensors").Split('\n')[..3].Select(line => line.Split(','))];
        (string[][] one, string[][] other) = (Rows("memory"), Rows("pass"));
        Assert.Equal(one[0], other[0]);
        Assert.All(one.Zip(other), pair => Assert.Equal(pair.First[^3], pair.Second[^3]));
        string[] condense = ["condense", "--model", "memory/model.safetensors", "--out"];
        Assert.Contains("small.safetensors: 4 curves", Run([.. condense, "small.safetensors"]), StringComparison.Ordinal);
        Assert.StartsWith("error: --out: expected a file that ends in .safetensors", Console.Run([.. condense, "a.cs"]).Error);
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
            File.ReadAllBytes(Console.PathOf("pass/model.safetensors")), File.ReadAllBytes(Console.PathOf("sum/model.safetensors")));
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
            File.ReadAllBytes(Console.PathOf("pass/model.safetensors")), File.ReadAllBytes(Console.PathOf("sum/model.safetensors")));
        using JsonDocument pass = Summary("pass");
        Assert.Equal("kfold", pass.RootElement.GetProperty("rule").GetString());
        using JsonDocument memory = Summary("memory");
        double h = memory.RootElement.GetProperty("bandwidth")[0].GetDouble();
        Assert.InRange(pass.RootElement.GetProperty("bandwidth")[0].GetDouble(), 0.7 * h, 1.4 * h);
        Run(["moments", "rows.csv", .. columns, "--out", "b.moments"]);
        ConsoleProcess.Result refused = Console.Run(["fit", "--moments", "b.moments", .. rest, "no"]);
        Assert.Equal(
            "error: --bandwidth: expected moments of 10 folds for kfold, got none; make them with moments --folds 10\n", refused.Error);
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
            ["config.json", "model.safetensors", "plots", "search.csv", "summary.json"],
            Directory.GetFileSystemEntries(Console.PathOf("pass")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using JsonDocument memory = Summary("memory");
        using JsonDocument pass = Summary("pass");
        double h = memory.RootElement.GetProperty("bandwidth")[0].GetDouble();
        Assert.Equal(h, pass.RootElement.GetProperty("bandwidth")[0].GetDouble(), 1e-2 * h);
        double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
        Assert.InRange(pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 0.9999 * expected, (1 + 1e-7) * expected);
        Console.Write("queries.csv", "temp\n3.3\n11.7\n40\n");
        string[][] predicted = [Predicted("memory"), Predicted("pass")];
        Assert.Equal(predicted[0][3], predicted[1][3]);
        for (int row = 1; row < 3; row++)
        {
            double[] means = [.. predicted.Select(lines => double.Parse(lines[row].Split(',')[1], CultureInfo.InvariantCulture))];
            Assert.Equal(means[0], means[1], 1e-3);
        }

        string[] Predicted(string run) => Run(
            "predict", "--model", $"{run}/model.safetensors", "--data", "queries.csv", "--interval", "plain").Split('\n');
    }

    [Theory]
    [InlineData("--y", "load,share")]
    [InlineData("--y", "load", "--weights", "share")]
    [InlineData("--y", "kind", "--classes", "--weights", "share")]
    public void KernelThatEnds_TakesTargetsWeightsAndClasses(params string[] target)
    {
        Write("rows.csv", 1500, 11);
        string[] fit = ["fit", "rows.csv", "--x", "temp", .. target, "--kernel", "biweight", "--bandwidth", "1", "--quiet", "--no-plots"];
        Run([.. fit, "--one-pass", "--out", "pass"]);
        using JsonDocument pass = Summary("pass");
        if (!target[1].Contains(',', StringComparison.Ordinal))
        {
            Run([.. fit, "--degree", "0", "--out", "memory"]);
            using JsonDocument memory = Summary("memory");
            double expected = memory.RootElement.GetProperty("leave_one_out_error").GetDouble();
            Assert.Equal(expected, pass.RootElement.GetProperty("leave_one_out_error").GetDouble(), 1e-9 * expected);
        }

        Console.Write("queries.csv", "temp\n3.3\n");
        string header = Run("predict", "--model", "pass/model.safetensors", "--data", "queries.csv").Split('\n')[0];
        Assert.Contains(
            target.Contains("--classes") ? "p_down,p_level,p_up" : target[1] == "load" ? "mean,se" : "mean_share,se_share",
            header,
            StringComparison.Ordinal);
    }

    [Fact]
    public void CondensedModel_PredictsAsItsModel()
    {
        Write("rows.csv", 2000, 3);
        Run("fit", "rows.csv", "--x", "temp", "--y", "load", "--degree", "0", "--no-plots", "--quiet", "--out", "fit");
        string said = Run("condense", "--model", "fit/model.safetensors", "--out", "small.safetensors");
        Assert.Matches(@"^small.safetensors: \d+ pieces for 2000 examples, within .* of the fit, proved; \d+ bytes\n$", said);

        Console.Write("q.csv", "temp\n3.5\n11\n17\n");
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
        string source = File.ReadAllText(Console.PathOf("small-curve.cs"));
        Assert.Contains("public static class smallcurve", source, StringComparison.Ordinal);

        // Of the model and of the curve: the same bytes, with the columns' names.
        Run("condense", "--model", "small.safetensors", "--out", "curve.onnx");
        Run("condense", "--model", "fit/model.safetensors", "--out", "whole.ONNX");
        byte[] onnx = File.ReadAllBytes(Console.PathOf("curve.onnx"));
        Assert.Equal(onnx, File.ReadAllBytes(Console.PathOf("whole.ONNX")));
        using var session = new InferenceSession(onnx);
        Assert.Equal("[\"temp\"]", session.ModelMetadata.CustomMetadataMap["note.x"]);
    }

    [Fact]
    public void ValuesThatDoNotVary_TakeTheWidestBandwidth()
    {
        Console.Write("flat.csv", "x,y\n1,5\n2,5\n3,5\n4,5\n");
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
}
