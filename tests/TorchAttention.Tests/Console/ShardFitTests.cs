using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>A fit of rows that were dealt to shards is the fit of the rows, to the bit.</summary>
public sealed class ShardFitTests : OnePassConsole
{
    [Theory]
    [InlineData("load")]
    [InlineData("load", "--degree", "1")]
    [InlineData("load", "--bandwidth", "0.2")]
    [InlineData("load,share", "--bandwidth", "kfold")]
    [InlineData("load", "--kernel", "biweight")]
    public void Fit_IsThatOfTheRows(string y, params string[] options)
    {
        Write("rows.csv", 4000, 1);
        Compare("temp", y, [], options);
    }

    [Fact]
    public void Weights_AreThoseOfTheRows()
    {
        Write("rows.csv", 4000, 1);
        Compare("temp", "load", ["--weights", "share"], []);
    }

    [Fact]
    public void TwoFeatures_AreThoseOfTheRows()
    {
        Write("rows.csv", 3000, 1);
        Compare("temp,share", "load", [], ["--bandwidth", "0.8,2", "--degree", "0"]);
    }

    // Rows that stand alone are read again.
    [Fact]
    public void RowsThatStandAlone_AreSettledAlike()
    {
        Write("rows.csv", 3000, 1);
        File.AppendAllText(Console.PathOf("rows.csv"), "1,24.5,3,1,up\n2,27.25,2,1,up\n3,-6.5,0.5,2,up\n4,31.125,0.25,2,up\n");
        Compare("temp", "load", [], []);
        Compare("temp", "load", [], ["--degree", "1", "--bandwidth", "0.1"]);
    }

    // More rows than a batch has, in files that are looked at whole and not.
    [Theory]
    [InlineData(200_000)]
    [LongData(2_200_000)]
    public void ManyRows_AreReadAShardAtATime(int rows)
    {
        Write("rows.csv", rows, 2);
        if (rows <= 200_000)
        {
            Compare("temp", "load", [], []);
            return;
        }

        (JsonElement whole, JsonElement dealt) = Fit("temp", "load", [], []);
        Assert.Equal(whole.GetProperty("bandwidth")[0].GetDouble(), dealt.GetProperty("bandwidth")[0].GetDouble(), 1e-6);
    }

    // The rules that fit has, each as fit finds it.
    [Fact]
    public void Bandwidth_IsThatOfFit()
    {
        Write("rows.csv", 3000, 1);
        Run("shard", "rows.csv", "--x", "temp", "--y", "load", "--out", "shards", "--quiet");
        JsonElement rules = JsonDocument.Parse(Run("bandwidth", "--shards", "shards/manifest.json", "--json"))
            .RootElement.GetProperty("rules");
        string text = Run("bandwidth", "--shards", "shards/manifest.json", "--degree", "1");

        Assert.Equal(["loo", "gcv", "aicc", "kfold"], rules.EnumerateObject().Select(rule => rule.Name));
        foreach (JsonProperty rule in rules.EnumerateObject())
        {
            Run("fit", "rows.csv", "--one-pass", "--x", "temp", "--y", "load", "--bandwidth", rule.Name, "--out", rule.Name, "--no-plots",
                "--quiet");
            JsonElement fitted = Summary(rule.Name).RootElement;
            double expected = fitted.GetProperty("bandwidth")[0].GetDouble();
            Assert.Equal(expected, rule.Value.GetProperty("bandwidth")[0].GetDouble());
        }

        Assert.StartsWith("shards/manifest.json: 3000 rows, gaussian kernel, local line", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--shards: expected no --x beside it", "fit", "--x", "temp")]
    [InlineData("--shards: expected no --data beside it", "fit", "--data", "rows.csv")]
    [InlineData("--shards: expected no --data beside it", "bandwidth", "rows.csv")]
    [InlineData("--shards: expected no --weights beside it", "fit", "--weights", "share")]
    [InlineData("--shards: expected no --missing beside it", "fit", "--missing", "drop")]
    [InlineData("--shards: expected no --classes beside it", "bandwidth", "--classes")]
    [InlineData("--shards: expected no --moments beside it", "fit", "--moments", "m")]
    [InlineData("--shards: expected the degree 0 or 1 without a ridge", "fit", "--degree", "2")]
    [InlineData("--shards: expected one feature, the gaussian kernel and", "bandwidth", "--kernel", "boxcar")]
    [InlineData("--by: expected rows in memory", "bandwidth", "--by", "kind")]
    [InlineData("--family: expected rows in memory", "bandwidth", "--family", "poisson")]
    [InlineData("--family: expected a fit in memory", "fit", "--family", "poisson")]
    [InlineData("--period: expected a fit to rows in memory", "fit", "--period", "temp=24")]
    public void WhatDoesNotApply_IsOneLine(string expected, string command, params string[] options)
    {
        Write("rows.csv", 60, 1);
        Run("shard", "rows.csv", "--x", "temp", "--y", "load", "--out", "shards", "--shards", "2", "--quiet");
        OneLine(expected, [command, "--shards", "shards/manifest.json", .. options]);
    }

    [Fact]
    public void DamagedShard_IsNamedInOneLine()
    {
        Write("rows.csv", 500, 1);
        Run("shard", "rows.csv", "--x", "temp", "--y", "load", "--out", "shards", "--shards", "2", "--quiet");
        string path = Console.PathOf("shards/0001.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^3] ^= 64;
        File.WriteAllBytes(path, bytes);

        OneLine("shards/0001.safetensors: expected the file of the manifest", "fit", "--shards", "shards/manifest.json", "--out", "run");
        OneLine("no/manifest.json: no such file", "bandwidth", "--shards", "no/manifest.json");
    }

    private void OneLine(string expected, params string[] arguments)
    {
        ConsoleProcess.Result result = Console.Run(arguments);
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
    }

    private void Compare(string x, string y, string[] rows, string[] options)
    {
        (JsonElement whole, JsonElement dealt) = Fit(x, y, rows, options);
        foreach (JsonProperty one in whole.EnumerateObject().Where(one => one.Name is not ("data" or "seconds" or "model")))
        {
            Assert.Equal((one.Name, $"{one.Value}"), (one.Name, $"{dealt.GetProperty(one.Name)}"));
        }

        Assert.Equal(
            File.ReadAllBytes(Console.PathOf("whole/model.safetensors")), File.ReadAllBytes(Console.PathOf("dealt/model.safetensors")));
    }

    private (JsonElement Whole, JsonElement Dealt) Fit(string x, string y, string[] rows, string[] options)
    {
        foreach (string folder in (string[])["shards", "whole", "dealt"])
        {
            if (Directory.Exists(Console.PathOf(folder)))
            {
                Directory.Delete(Console.PathOf(folder), recursive: true);
            }
        }

        Run(["shard", "rows.csv", "--x", x, "--y", y, .. rows, "--shards", "5", "--out", "shards", "--quiet"]);
        Run(["fit", "rows.csv", "--one-pass", "--x", x, "--y", y, .. rows, .. options, "--out", "whole", "--no-plots", "--quiet"]);
        Run(["fit", "--shards", "shards/manifest.json", .. options, "--out", "dealt", "--no-plots", "--quiet"]);
        return (Summary("whole").RootElement, Summary("dealt").RootElement);
    }
}
