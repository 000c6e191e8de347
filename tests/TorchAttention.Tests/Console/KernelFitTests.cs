namespace TorchAttention.Tests.Console;

/// <summary>The program of the fits alone, as it is built: the same commands, and nothing of libtorch.</summary>
public sealed class KernelFitTests : IDisposable
{
    private static readonly string _executable =
        Path.Combine(Path.GetDirectoryName(ConsoleProcess.Executable)!, OperatingSystem.IsWindows() ? "kernelfit.exe" : "kernelfit");

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Fits_AreTheConsoles()
    {
        Assert.Equal(0, Run("fit", "mcycle", "--quiet", "--out", "its").ExitCode);
        Assert.Equal(0, _console.Run("fit", "mcycle", "--quiet", "--out", "consoles").ExitCode);
        foreach (string file in new[] { "config.json", "fitted.csv", "search.csv", "model.safetensors", "plots/fit.svg" })
        {
            Assert.Equal(File.ReadAllBytes(_console.PathOf($"consoles/{file}")), File.ReadAllBytes(_console.PathOf($"its/{file}")));
        }

        _console.Write("q.csv", "times\n2.4\n");
        string[] predict = ["predict", "q.csv", "--model", "its/model.safetensors"];
        Assert.Equal(_console.Run(predict), Run(predict));
        Assert.Equal(0, Run("report", "its").ExitCode);
        Assert.Equal(_console.Run("runs", ".").Output, Run("runs", ".").Output);
    }

    [Fact]
    public void WhatNeedsLibTorch_IsNotThere()
    {
        ConsoleProcess.Result unknown = Run("train");
        Assert.Equal(
            (2, "error: unknown command 'train'; the commands are fit, predict, bandwidth, evaluate, moments, shard, condense, runs, "
                + "report, datasets\n"),
            (unknown.ExitCode, unknown.Error.ReplaceLineEndings("\n")));
        Assert.DoesNotContain("nonlinear", Run("datasets").Output, StringComparison.Ordinal);

        Assert.Equal(0, _console.Run("train", "mcycle", "--epochs", "1", "--no-plots", "--quiet", "--out", "trained").ExitCode);
        _console.Write("q.csv", "times\n2.4\n");
        ConsoleProcess.Result refused = Run("predict", "q.csv", "--model", "trained/model.safetensors");
        Assert.Equal(2, refused.ExitCode);
        Assert.StartsWith("error: trained/model.safetensors", refused.Error, StringComparison.Ordinal);
        Assert.Contains("a model of train, which torchattention predicts", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_NamesTheProgramAsItIsInstalled()
    {
        Assert.Contains("kernelfit fit [<data>] [options]", Run("fit", "--help").Output, StringComparison.Ordinal);
        Assert.Contains("torchattention fit [<data>] [options]", _console.Run("fit", "--help").Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mcycle")]
    [InlineData("--x=times", "mcycle", "--y", "accel")]
    [LongData("--bandwidth", "2", "--", "mcycle")]
    public void Data_NeedsNoNameOfItsOption(params string[] arguments)
    {
        ConsoleProcess.Result named = Run(["fit", "--json", "--no-plots", "--out", "a", "--data", "mcycle",
            .. arguments.Where(argument => argument is not ("mcycle" or "--"))]);
        ConsoleProcess.Result alone = Run(["fit", "--json", "--no-plots", "--out", "b", .. arguments]);
        Assert.Equal((0, ""), (alone.ExitCode, alone.Error));
        Assert.Equal(0, named.ExitCode);
        Assert.Equal(File.ReadAllText(_console.PathOf("a/fitted.csv")), File.ReadAllText(_console.PathOf("b/fitted.csv")));
    }

    private ConsoleProcess.Result Run(params string[] arguments) => _console.Start(_executable, arguments).Wait();
}
