using System.Runtime.InteropServices;

namespace TorchAttention.Tests.Console;

/// <summary>What the console does when the system around it is not as usual.</summary>
public sealed partial class HostTests : IDisposable
{
    private const int Interrupt = 2;
    private const int Terminate = 15;

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData(Interrupt)]
    [InlineData(Terminate)]
    public void Signal_SavesWhatWasDoneAndExits130(int signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent by kill(2).");
        ConsoleProcess.Running running = _console.Start(ConsoleProcess.Executable, ["train", "--epochs", "10000000", "--out", "run", "--quiet", "--no-plots"]);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(_console.PathOf("run/config.json")), TimeSpan.FromMinutes(1)));

        Assert.Equal(0, Kill(running.Id, signal));
        ConsoleProcess.Result result = running.Wait();

        Assert.Equal(130, result.ExitCode);
        Assert.Matches(@"^error: interrupted after step \d+; what was done until then is in run\n$", result.Error);
        Assert.Equal(["config.json", "epochs.csv", "steps.csv"], Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName).Order());
        string[] steps = _console.ReadLines("run/steps.csv");
        Assert.Contains($"after step {steps.Length - 1};", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingLibTorch_IsOneParagraphWithoutATrace()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The native libraries have other names elsewhere.");
        string copy = Directory.CreateDirectory(_console.PathOf("copy")).FullName;
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(ConsoleProcess.Executable)!))
        {
            if (!Path.GetFileName(file).Contains("torch", StringComparison.OrdinalIgnoreCase) || !file.EndsWith(".so", StringComparison.Ordinal))
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
        Assert.SkipUnless(OperatingSystem.IsLinux() && CanHideFonts(hidden), "Hiding the fonts needs a mount namespace.");

        ConsoleProcess.Result result = _console.Start("unshare", [.. hidden, ConsoleProcess.Executable, "train", "--out", "run"]).Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Single(result.Output.Split('\n'), line => line.StartsWith("fonts: none installed", StringComparison.Ordinal));
        Assert.Equal(12, Directory.GetFiles(_console.PathOf("run/plots")).Length);
    }

    private bool CanHideFonts(string[] hidden)
    {
        try
        {
            return Directory.Exists("/usr/share/fonts") && _console.Start("unshare", [.. hidden, "true"]).Wait().ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
