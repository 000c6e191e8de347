using System.Runtime.InteropServices;

namespace TorchAttention.Tests.Console;

/// <summary>What is left of work that a signal ends: whole files, one line, and 130.</summary>
public sealed partial class SignalTests : IDisposable
{
    private const int Interrupt = 2;
    private const int Terminate = 15;

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData(Interrupt)]
    [LongData(Terminate)]
    public void Signal_SavesWhatWasDoneAndExits130(int signal)
    {
        SkipWithoutSignals();
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable, ["train", "--epochs", "10000000", "--out", "run", "--quiet", "--no-plots"]);
        running.Until(() => File.Exists(_console.PathOf("run/config.json")));

        Assert.Equal(0, Kill(running.Id, signal));
        ConsoleProcess.Result result = running.Wait();

        Assert.Equal(130, result.ExitCode);
        Assert.Matches(
            @"^error: interrupted after step \d+; what was done until then is in run, and train --resume run goes on\n$", result.Error);
        Assert.Equal(
            ["config.json", "epochs.csv", "steps.csv"], Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName).Order());
        string[] steps = _console.ReadLines("run/steps.csv");
        Assert.Contains($"after step {steps.Length - 1};", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [LongData(Interrupt)]
    [InlineData(Terminate)]
    public void OneSignal_EndsAPredictionThatWaitsForItsRows(int signal)
    {
        SkipWithoutSignals();
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable, ["predict", "--model", "run/model.safetensors", "--out", "p.csv"]);
        running.Input.WriteLine("times");
        running.Input.Flush();
        running.Until(() => Directory.GetFiles(_console.Folder, ".p.csv.*").Length > 0);

        Assert.Equal(0, Kill(running.Id, signal));

        Assert.Equal(new ConsoleProcess.Result(130, "", "error: interrupted\n"), running.Wait());
        Assert.Equal(["run"], Directory.GetFileSystemEntries(_console.Folder).Select(Path.GetFileName));
    }

    [Fact]
    public void OneSignal_EndsAPredictionThatNobodyReads()
    {
        SkipWithoutSignals();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The pipe is written by a shell.");
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        _console.Write("q.csv", "times\n" + string.Concat(Enumerable.Repeat("20\n", 100_000)));

        Assert.SkipUnless(_console.CanRun("mkfifo", [_console.PathOf("pipe")]), "A pipe is made by mkfifo(1).");
        ConsoleProcess.Running running = _console.Start(
            "sh", ["-c", "exec \"$0\" predict --model run/model.safetensors --data q.csv > pipe", ConsoleProcess.Executable]);
        using var pipe = new FileStream(_console.PathOf("pipe"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        Assert.Equal((byte)'t', pipe.ReadByte());

        Assert.Equal(0, Kill(running.Id, Terminate));

        // Whether it waited by then, and had to be ended by the signal itself, is the machine's.
        Assert.Contains(running.Wait().ExitCode, new[] { 130, 128 + Terminate });
    }

    [Fact]
    public void SecondSignal_EndsTheProcessWithEveryFileWhole()
    {
        SkipWithoutSignals();
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable, ["train", "--epochs", "10000000", "--out", "run", "--quiet", "--no-plots"]);
        running.Until(() => File.Exists(_console.PathOf("run/config.json")));
        running.Until(() => new FileInfo(_console.PathOf("run/steps.csv")) is { Exists: true, Length: > 200 });

        // The process may be gone before the last of them.
        Assert.Equal(0, Kill(running.Id, Interrupt));
        _ = Kill(running.Id, Interrupt);
        _ = Kill(running.Id, Interrupt);

        Assert.Equal(130, running.Wait().ExitCode);
        Assert.Equal(
            ["config.json", "epochs.csv", "steps.csv"], Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName).Order());
        string[] steps = _console.ReadLines("run/steps.csv");
        Assert.True(steps.Length > 1);
        Assert.Equal($"{steps.Length - 1},", steps[^1][..(steps[^1].IndexOf(',', StringComparison.Ordinal) + 1)]);
        Assert.EndsWith("\n", File.ReadAllText(_console.PathOf("run/steps.csv")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignalAfterTheLastStep_NamesTheFolder()
    {
        SkipWithoutSignals();
        Directory.CreateDirectory(_console.PathOf("run"));
        Assert.SkipUnless(_console.CanRun("mkfifo", ["run/model.safetensors"]), "A pipe is made by mkfifo(1).");
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, ["train", "--epochs", "3", "--out", "run", "--quiet"]);

        // The model is written after the last step and before all pictures, into a pipe not before somebody reads.
        Task<FileStream> model = Task.Run(
            () => File.OpenRead(_console.PathOf("run/model.safetensors")), TestContext.Current.CancellationToken);
        running.Until(() => model.IsCompleted);
        using FileStream read = await model;
        Assert.Equal(0, Kill(running.Id, Interrupt));

        const string Message = "error: interrupted after step 15; what was done until then is in run, and train --resume run goes on\n";
        Assert.Equal(new ConsoleProcess.Result(130, "", Message), running.Wait());
        Assert.Equal(16, _console.ReadLines("run/steps.csv").Length);
    }

    [Fact]
    public void InterruptedExercise_KeepsItsRows()
    {
        SkipWithoutSignals();
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, ["exercise", "1", "--out", "run", "--no-plots"]);
        running.Until(() => File.Exists(_console.PathOf("run/table.csv")));

        Assert.Equal(0, Kill(running.Id, Interrupt));
        ConsoleProcess.Result result = running.Wait();

        string[] rows = _console.ReadLines("run/table.csv");
        Assert.Equal(
            (130, $"error: interrupted; the table's rows until then, {rows.Length - 1}, are in run\n"), (result.ExitCode, result.Error));
        Assert.Equal(["table.csv"], Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName));
    }

    [Fact]
    public void ExerciseInterruptedAtItsBeginning_LeavesRowsOrNoFolder()
    {
        SkipWithoutSignals();
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, ["exercise", "1", "--out", "run", "--no-plots"]);
        running.Until(() => File.Exists(_console.PathOf("run/.running")));

        Assert.Equal(0, Kill(running.Id, Interrupt));
        ConsoleProcess.Result result = running.Wait();

        // Whether the first row was faster than the signal, and the step until the next look at it soon enough, depends on the machine.
        bool hasRows = File.Exists(_console.PathOf("run/table.csv"));
        string expected = hasRows
            ? $"interrupted; the table's rows until then, {_console.ReadLines("run/table.csv").Length - 1}, are in run"
            : "interrupted before the table's first row";
        Assert.Equal(130, result.ExitCode);
        Assert.Contains(result.Error, new[] { $"error: {expected}\n", "error: interrupted\n" });
        Assert.Equal(hasRows, Directory.Exists(_console.PathOf("run")));
    }

    private static void SkipWithoutSignals()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent by kill(2).");
        const string Status = "/proc/self/status";
        string ignored = File.Exists(Status)
            ? File.ReadLines(Status).First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim()
            : "0";
        Assert.SkipWhen(
            (Convert.ToUInt64(ignored, 16) & (1UL << (Interrupt - 1))) != 0,
            "Whoever started the tests lets them ignore Ctrl-C, and so what they start does (a job in a shell's background).");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
