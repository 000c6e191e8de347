using System.Diagnostics;
using System.Globalization;

namespace TorchAttention.Tests.Console;

/// <summary>The memory of a run whose checkpoints are many.</summary>
public sealed class TrainMemoryTests : IDisposable
{
    private const int MostMegabytes = 300;

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    // The collector's first generation is as large as the processor's cache allows; fixed, it is the same on every machine.
    [Fact]
    public void ManyCheckpoints_TakeNoMemory()
    {
        LongTests.SkipUnlessAskedFor();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        ConsoleProcess.Running running = _console.Start(
            ConsoleProcess.Executable,
            [
                "train", "--data", "mcycle", "--model", "ard", "--optimizer", "adam", "--epochs", "1500", "--checkpoint-steps", "20",
                "--no-plots", "--quiet", "--out", "run",
            ],
            ("DOTNET_GCgen0size", "0x1000000"));
        long peak = 0;
        using (var process = Process.GetProcessById(running.Id))
        {
            while (!process.WaitForExit(TimeSpan.FromMilliseconds(20)))
            {
                peak = Math.Max(peak, PeakMegabytes(running.Id));
            }
        }

        Assert.Equal(new ConsoleProcess.Result(0, "", ""), running.Wait());
        Assert.InRange(peak, 50, MostMegabytes);
    }

    private static long PeakMegabytes(int process)
    {
        try
        {
            IEnumerable<string> lines = File.ReadLines($"/proc/{process}/status");
            string line = lines.FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)) ?? "VmHWM: 0 kB";
            return long.Parse(line.Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
        }
        catch (IOException)
        {
            // It has just ended; what was seen before counts.
            return 0;
        }
    }
}
