using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace TorchAttention.Tests.Console;

/// <summary>Whatever stands in a file, its name or an argument, a terminal is not to obey it: on every way out.</summary>
public sealed partial class PlainOutputTests : IDisposable
{
    private const string Odd = "a\u001b]0;p\u0007\u009bA\u202e\u200bz";
    private const string Plain = @"a\u001b]0;p\u0007\u009bA\u202e\u200bz";
    private const string Rows = "1,2,u\n2,3,v\n3,1,u\n4,5,v\n5,2,u\n6,7,v\n7,4,u\n8,9,v\n";

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void EveryCommand_WritesOutWhatItIsGiven()
    {
        _console.Write("d.csv", $"{Odd},b,c\n{Rows}".Replace(",v\n", $",{Odd}\n", StringComparison.Ordinal));
        string[] data = ["--data", "d.csv", "--x", Odd, "--y", "b"];

        Assert.Contains(@"a\u001b]0;p", Done("fit", [.. data, "--out", "run", "--bandwidth", "1", "--no-plots"]), StringComparison.Ordinal);
        Assert.Contains(@"a\u001b]0;p", Done("bandwidth", data), StringComparison.Ordinal);
        Assert.Contains(@"a\u001b]0;p", Done("evaluate", [.. data, "--bandwidth", "1"]), StringComparison.Ordinal);
        Assert.Contains(
            $"│ {Plain}, u",
            Done("fit", ["--data", "d.csv", "--x", "b", "--y", "c", "--classes", "--bandwidth", "1", "--out", $"runs/{Odd}"]),
            StringComparison.Ordinal);
        Assert.Contains(Plain, Done("runs", ["runs"]), StringComparison.Ordinal);
        Assert.Contains($"runs/{Plain}", Done("report", [$"runs/{Odd}"]), StringComparison.Ordinal);
        Assert.DoesNotContain(File.ReadAllText(_console.PathOf($"runs/{Odd}/report.html")), IsOdd);
        Done("runs", ["compare", "run", $"runs/{Odd}"]);
        Done("train", [.. data, "--epochs", "2", "--out", "trained", "--no-plots"]);

        _console.Write("text.csv", $"x,{Odd}\n1,2\n2,{Odd}\n");
        Assert.Contains(
            $"text.csv, row 3, column '{Plain}': expected a number, found '{Plain}'", Refused("fit", "--data", "text.csv"),
            StringComparison.Ordinal);
        Assert.Contains(
            $"no column '{Plain}!'", Refused("fit", "--data", "text.csv", "--x", Odd + "!", "--y", "x"), StringComparison.Ordinal);
        Refused("fit", "--data", $"{Odd}.csv");
        Refused("predict", "--model", Odd);
        Refused("train", "--data", Odd);
        Refused("report", Odd);
        Refused("runs", "compare", Odd, Odd);
        Refused(Odd);
        Refused("fit", $"--{Odd}");
        Refused("fit", "--data", "d.csv", "--bandwidth", Odd);
        Refused("train", "--resume", Odd);
    }

    [Fact]
    public void LongText_IsShort()
    {
        string text = string.Concat(Enumerable.Repeat("wide ", 20_000));
        _console.Write("d.csv", $"\"{text}\",b\n1,\"{text}\"\n2,u\n3,u\n4,u\n5,u\n");

        Assert.InRange(Done("fit", ["--data", "d.csv", "--classes", "--bandwidth", "1", "--out", "run"]).Length, 100, 4000);
        Assert.InRange(new FileInfo(_console.PathOf("run/plots/probabilities.svg")).Length, 1000, 100_000);
        Assert.InRange(Refused("fit", "--data", "d.csv").Length, 100, 300);
        Assert.InRange(Refused("fit", "--data", "d.csv", "--x", text, "--y", "c").Length, 50, 300);
        Assert.InRange(Refused("fit", "--data", text).Length, 50, 1600);
        Assert.InRange(Refused(text).Length, 50, 300);
    }

    [Fact]
    public void ClassesAndColumns_AreTheirOwnBytesInAPipe()
    {
        string own = Fit();
        ConsoleProcess.Result result = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--keep", "all");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith($"x,note,p_{own},p_{Odd},class,neighbours,flag\n1,{own},", result.Output, StringComparison.Ordinal);
        Assert.Contains($",{Odd},", result.Output.Split('\n')[2], StringComparison.Ordinal);
        Assert.Equal(
            0, _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--keep", "all", "--out", "p.csv").ExitCode);
        Assert.Equal(result.Output, File.ReadAllText(_console.PathOf("p.csv")));
    }

    [Fact]
    public void ClassesAndColumns_AreWrittenOutOnATerminal()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The terminal is one of Linux.");
        Fit();
        string shown = OnATerminal("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--keep", "all");

        Assert.StartsWith($"x,note,p_a,p_{Plain},class,neighbours,flag\n1,a,", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(shown, IsOdd);

        // The colours and the moves of the program's own bars and charts stay.
        shown = OnATerminal("fit", "--data", "d.csv", "--classes", "--bandwidth", "1", "--no-plots", "--out", "other");
        Assert.Contains($"│ a, {Plain} ", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b]", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(shown, c => c != '\u001b' && c != '\r' && IsOdd(c));
        Assert.Matches("\u001b\\[(38;5;)?\\d+m", shown);
    }

    // A model of two classes, one of them odd, and queries with a column of text.
    private string Fit()
    {
        _console.Write("d.csv", $"x,b\n1,a\n2,{Odd}\n3,{Odd}\n4,a\n");
        _console.Write("q.csv", "x,note\n1,a\n2.5,b\n");
        Assert.Equal(
            0, _console.Run("fit", "--data", "d.csv", "--classes", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        return "a";
    }

    private string Done(string command, string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run([command, .. arguments]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.DoesNotContain(result.Output, IsOdd);
        return result.Output;
    }

    private string Refused(params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(result.Error, IsOdd);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        return result.Error;
    }

    private static bool IsOdd(char c) => (char.IsControl(c) && c != '\n') || char.GetUnicodeCategory(c) == UnicodeCategory.Format;

    private string OnATerminal(params string[] arguments)
    {
        using SafeFileHandle master = new(Checked(OpenPty(Terminal)), ownsHandle: true);
        int descriptor = (int)master.DangerousGetHandle();
        Checked(Grant(descriptor));
        Checked(Unlock(descriptor));
        byte[] name = new byte[64];
        Checked(-Math.Abs(NameOf(descriptor, name, name.Length)));
        string terminal = Encoding.ASCII.GetString(name).TrimEnd('\0');
        using SafeFileHandle kept = new(Checked(Open(terminal, Terminal)), ownsHandle: true);
        var shown = new StringBuilder();
        Task reading = Task.Run(() => Read(master, shown), TestContext.Current.CancellationToken);

        const string Start = "stty -opost cols 100 < \"$0\"; TERM=xterm-256color exec \"$@\" < /dev/null > \"$0\" 2>&1";
        ConsoleProcess.Result result = _console.Start("sh", ["-c", Start, terminal, ConsoleProcess.Executable, .. arguments]).Wait();
        kept.Dispose();
        Assert.Equal(0, result.ExitCode);
        Assert.True(reading.Wait(TimeSpan.FromMinutes(1)));

        // .NET sets the keys of a terminal that it finds.
        return shown.Replace("\u001b[?1h\u001b=", "").Replace("\u001b[?1l\u001b>", "").ToString();
    }

    // A terminal that its last program has left gives an error instead of an end.
    private static void Read(SafeFileHandle master, StringBuilder shown)
    {
        using var stream = new FileStream(master, FileAccess.Read, bufferSize: 0);
        Decoder decoder = Encoding.UTF8.GetDecoder();
        byte[] bytes = new byte[4096];
        char[] letters = new char[4096];
        try
        {
            for (int count; (count = stream.Read(bytes)) > 0;)
            {
                shown.Append(letters, 0, decoder.GetChars(bytes, 0, count, letters, 0));
            }
        }
        catch (IOException)
        {
        }
    }

    // Read and write, not the terminal of this process, and not inherited: reading ends when the last process that has it closes it, and
    // other tests start processes meanwhile.
    private const int Terminal = 0x2 | 0x100 | 0x80000;

    private static int Checked(int result) =>
        result >= 0 ? result : throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());

    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int OpenPty(int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
    private static partial int Grant(int descriptor);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    private static partial int Unlock(int descriptor);

    [LibraryImport("libc", EntryPoint = "ptsname_r", SetLastError = true)]
    private static partial int NameOf(int descriptor, byte[] name, nint length);
}
