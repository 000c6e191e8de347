namespace TorchAttention.Tests.Console;

/// <summary>What the console does when the system around it is not as usual.</summary>
public sealed class HostTests : IDisposable
{
    private const string NoShell = "The streams are closed by a shell.";

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Terminal_ShowsCurvesSpeedAndTimeLeft()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && _console.CanRun("script", ["--version"]), "A terminal is made by script(1).");
        string command = $"stty cols 100 rows 40; '{ConsoleProcess.Executable}' train --epochs 2000 --no-plots --out run";

        ConsoleProcess.Result result = _console.Start("script", ["-qec", command, "typescript"], ("TERM", "xterm-256color")).Wait();

        Assert.Equal(0, result.ExitCode);
        string shown = File.ReadAllText(_console.PathOf("typescript"));
        Assert.Matches(@"epoch 2000/2000.*100 ?%.*\d+ steps/s.*0:00:00 left", shown.Replace('\n', ' '));
        Assert.Contains(shown, letter => letter is > '\u2800' and <= '\u28ff');
        Assert.Contains("validation loss", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("epoch 1/2000  train loss", shown, StringComparison.Ordinal);
    }

    [Theory]
    [LongData(0, ">&-")]
    [LongData(0, "2>&-")]
    [InlineData(0, ">&- 2>&-")]
    [LongData(0, "2> /dev/full")]
    [InlineData(1, "> /dev/full")]
    public void LostStream_StopsNoRun(int exitCode, string redirection)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);

        ConsoleProcess.Result result = InShell(redirection, "train", "--no-plots", "--out", "run");

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal(
            exitCode == 0 ? ""
            : "error: standard output cannot be written to (No space left on device); what was not printed is lost, files are not\n",
            result.Error);
        Assert.Equal(
            ["config.json", "epochs.csv", "model.safetensors", "steps.csv", "summary.json"],
            Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName).Order());
        Assert.Equal(26, _console.ReadLines("run/steps.csv").Length);
    }

    [Theory]
    [InlineData("predict", "--model", "run/model.safetensors")]
    [LongData("predict", "--model", "run/model.safetensors", "--data", "-")]
    [InlineData("fit", "--data", "-")]
    public void ClosedStandardInput_IsOneLine(params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);

        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: --data: expected data on standard input, which is closed\n"),
            InShell("<&-", arguments));
        Assert.Equal(["run"], Directory.GetFileSystemEntries(_console.Folder).Select(Path.GetFileName));
    }

    [Fact]
    public void PredictionsThatNobodyReads_AreNotComputed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);

        // Queries without end: only a broken pipe ends this.
        const string Endless =
            "{ { echo times; yes 20 2> /dev/null; } | \"$0\" predict --model run/model.safetensors; echo $? >&2; } | head -n 1";
        ConsoleProcess.Result result = _console.Start("sh", ["-c", Endless, ConsoleProcess.Executable]).Wait();

        Assert.Equal(new ConsoleProcess.Result(0, "times,mean,se,lower,upper,neighbours,flag\n", "0\n"), result);
    }

    [Fact]
    public void PredictionsOnStandardOutput_FollowWhatIsThere()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        _console.Write("q.csv", "times\n20\n");

        const string Twice = "{ for i in 1 2; do \"$0\" predict --model run/model.safetensors --data q.csv; done; echo end; } > p.csv";
        Assert.Equal(new ConsoleProcess.Result(0, "", ""), _console.Start("sh", ["-c", Twice, ConsoleProcess.Executable]).Wait());

        string[] lines = _console.ReadLines("p.csv");
        Assert.Equal([lines[0], lines[1], lines[0], lines[1], "end"], lines);
    }

    [Theory]
    [InlineData(0, "", ">&-")]
    [InlineData(
        1, "error: standard output cannot be written to (No space left on device); what was not printed is lost, files are not\n",
        "> /dev/full")]
    public void LostPredictions_AreSaidWhereSomebodyExpectsThem(int exitCode, string error, string redirection)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        _console.Write("q.csv", "times\n20\n");

        Assert.Equal(
            new ConsoleProcess.Result(exitCode, "", error),
            InShell(redirection, "predict", "--model", "run/model.safetensors", "--data", "q.csv"));
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2> /dev/full")]
    public void ErrorThatNobodyCanRead_StillHasItsExitCode(string redirection)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NoShell);
        Assert.Equal(new ConsoleProcess.Result(2, "", ""), InShell(redirection, "train", "--n", "0"));
    }

    [Theory]
    [InlineData("train")]
    [InlineData("info")]
    public void MissingWorkingFolder_IsOneLine(string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A working folder cannot be removed.");
        Directory.CreateDirectory(_console.PathOf("gone"));

        ConsoleProcess.Result result = _console.Start(
            "sh", ["-c", "cd gone && rmdir ../gone && exec \"$0\" \"$@\"", ConsoleProcess.Executable, command]).Wait();

        Assert.Equal(
            new ConsoleProcess.Result(1, "", "error: the working folder is not there any more; go to another one, or make it again\n"),
            result);
    }

    [Fact]
    public void FullDisk_NamesTheFileAndKeepsWholeLines()
    {
        // The checkpoints have a disk of their own: how much of the small one is left for them is the clock's choice.
        const string Disks = "mkdir disk && mount -t tmpfs -o size=32k none disk && mkdir -p disk/run/checkpoints && mount -t tmpfs "
        + "none disk/run/checkpoints";
        string[] small = ["--map-root-user", "--mount", "sh", "-c",
            $"{Disks} && \"$0\" \"$@\"; code=$?; ls -A disk/run | tr '\\n' ' '; echo; tail -n 1 disk/run/steps.csv; exit $code"];
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && _console.CanRun("unshare", ["--map-root-user", "--mount", "true"]),
            "A full disk needs a mount namespace.");

        string[] options = ["train", "--epochs", "1000", "--quiet", "--no-plots", "--out", "disk/run"];
        ConsoleProcess.Result result = _console.Start("unshare", [.. small, ConsoleProcess.Executable, .. options]).Wait();

        Assert.Equal(1, result.ExitCode);
        // Which of them was the last to fit is the clock's choice.
        const string problem = @"'disk/run/(steps|epochs)\.csv' cannot be written \(No space left on device\)";
        Assert.Matches($@"^warning: {problem}; training goes on\nerror: {problem}\n$", result.Error);
        Assert.Equal(
            "checkpoints config.json epochs.csv steps.csv ", result.Output[..result.Output.IndexOf('\n', StringComparison.Ordinal)]);
        Assert.EndsWith("\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingLibTorch_IsOneParagraphWithoutATrace()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The native libraries have other names elsewhere.");
        string copy = Directory.CreateDirectory(_console.PathOf("copy")).FullName;
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(ConsoleProcess.Executable)!))
        {
            if (!Path.GetFileName(file).Contains("torch", StringComparison.OrdinalIgnoreCase)
                || !file.EndsWith(".so", StringComparison.Ordinal))
            {
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            }
        }

        ConsoleProcess.Result result = _console.Start(Path.Combine(copy, "TorchAttention.Console"), ["train", "--out", "run"]).Wait();

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: libtorch could not be loaded. Tried: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(copy, result.Error, StringComparison.Ordinal);
        Assert.Contains("What to do: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.False(Directory.Exists(_console.PathOf("run")));
    }

    [Fact]
    public void NoFont_IsSaidInOneLineAndThePicturesAreStillWritten()
    {
        // A mount namespace of its own hides the fonts from this process alone.
        string[] hidden = ["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none /usr/share/fonts && exec \"$0\" \"$@\""];
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Directory.Exists("/usr/share/fonts") && _console.CanRun("unshare", [.. hidden, "true"]),
            "Hiding the fonts needs a mount namespace.");

        ConsoleProcess.Result result = _console.Start("unshare", [.. hidden, ConsoleProcess.Executable, "train", "--out", "run"]).Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Single(result.Output.Split('\n'), line => line.StartsWith("fonts: none installed", StringComparison.Ordinal));
        Assert.Equal(12, Directory.GetFiles(_console.PathOf("run/plots")).Length);
    }

    private ConsoleProcess.Result InShell(string redirection, params string[] arguments) =>
        _console.Start("sh", ["-c", $"exec \"$0\" \"$@\" {redirection}", ConsoleProcess.Executable, .. arguments]).Wait();
}
