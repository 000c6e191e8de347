namespace TorchAttention.Tests.Console;

/// <summary>Every command that writes, where nothing can be written: 1 and the file, not 2, which is for wrong arguments.</summary>
public sealed class FullDiskTests : IClassFixture<FullDiskTests.Runs>
{
    private const string NoSpace = "cannot be written (No space left on device)";

    private readonly ConsoleProcess _console;

    public FullDiskTests(Runs runs)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A device that is always full, and a mount namespace, are Linux's.");
        _console = runs.Console;
    }

    [Theory]
    [InlineData("full", "fit", "--data", "mcycle", "--bandwidth", "2", "--no-plots", "--quiet", "--out", "lost", "--model", "full")]
    [InlineData("full", "predict", "--model", "fitted/model.safetensors", "--data", "q.csv", "--out", "full")]
    [InlineData("full", "report", "trained", "--out", "full")]
    [InlineData("full.svg", "runs", "compare", "trained", "trained", "--out", "full.svg")]
    public void FullDevice_IsNamed(string file, params string[] arguments)
    {
        File.Delete(_console.PathOf(file));
        File.CreateSymbolicLink(_console.PathOf(file), "/dev/full");
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((1, $"error: '{file}' {NoSpace}\n"), (result.ExitCode, result.Error));
    }

    [Theory]
    [InlineData("bandwidth", "--data", "mcycle")]
    [InlineData("evaluate", "--data", "mcycle", "--bandwidth", "2", "--json")]
    [InlineData("fit", "--data", "mcycle", "--bandwidth", "2", "--no-plots", "--out", "run")]
    [InlineData("runs", ".")]
    [InlineData("runs", ".", "--json")]
    [InlineData("report", "trained")]
    [InlineData("datasets")]
    public void FullStandardOutput_IsSaid(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Start(
            "sh", ["-c", "exec \"$0\" \"$@\" > /dev/full", ConsoleProcess.Executable, .. arguments]).Wait();
        Assert.Equal(
            (1, "error: standard output cannot be written to (No space left on device); what was not printed is lost, files are not\n"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public void FullDisk_IsOneForEveryCommandThatWritesThere()
    {
        (string File, string Command)[] commands =
        [
            ("disk/r/model.safetensors", "fit --data mcycle --bandwidth 2 --out disk/r"),
            ("disk/r/config.json", "fit --data mcycle --bandwidth 2 --no-plots --out disk/r --model m.safetensors"),
            ("disk/t/config.json", "train --out disk/t"),
            ("disk/s/config.json", "train --seeds 2 --out disk/s"),
            ("disk/p.csv", "predict --model fitted/model.safetensors --data q.csv --out disk/p.csv"),
            ("disk/x.html", "report trained --out disk/x.html"),
            ("disk/x.svg", "runs compare trained trained --out disk/x.svg"),
        ];
        string each = string.Join("; ", commands.Select(command => $"\"$0\" {command.Command} 2>&1 > /dev/null; echo $?"));
        string[] full = ["--map-root-user", "--mount", "sh", "-c",
            $"mkdir disk && mount -t tmpfs -o size=16k none disk && head -c 40000 /dev/zero > disk/fill 2> /dev/null; {each}; ls -A disk"];
        ConsoleProcess.Result able = _console.Start("sh", ["-c", "unshare --map-root-user --mount true"]).Wait();
        Assert.SkipUnless(able.ExitCode == 0, "A full disk needs a mount namespace.");

        ConsoleProcess.Result result = _console.Start("unshare", [.. full, ConsoleProcess.Executable]).Wait();

        Assert.Equal(string.Concat(commands.Select(command => $"error: '{command.File}' {NoSpace}\n1\n")) + "fill\n", result.Output);
    }

    [Theory]
    [InlineData("--out: 'none/x.html' cannot be written to (its folder does not exist)", "report", "trained", "--out", "none/x.html")]
    [InlineData(
        "--out: 'none/x.svg' cannot be written to (its folder does not exist)", "runs", "compare", "trained", "trained", "--out",
        "none/x.svg")]
    [InlineData("--out: 'trained' cannot be written to (it is a folder)", "runs", "compare", "trained", "trained", "--out", "trained")]
    public void WrongPath_IsAWrongArgument(string message, params string[] arguments) =>
        Assert.Equal(new ConsoleProcess.Result(2, "", $"error: {message}\n"), _console.Run(arguments));

    /// <summary>A fit and a training that are there.</summary>
    public sealed class Runs : IDisposable
    {
        public Runs()
        {
            Assert.Equal(
                0, Console.Run("fit", "--data", "mcycle", "--bandwidth", "2", "--no-plots", "--quiet", "--out", "fitted").ExitCode);
            Assert.Equal(0, Console.Run("train", "--epochs", "2", "--no-plots", "--quiet", "--out", "trained").ExitCode);
            Console.Write("q.csv", "times\n20\n");
        }

        public ConsoleProcess Console { get; } = new();

        public void Dispose() => Console.Dispose();
    }
}
