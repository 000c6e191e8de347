using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace TorchAttention.Tests.Console;

/// <summary>The console as its users start it: the built executable, in a folder of its own.</summary>
public sealed class ConsoleProcess : IDisposable
{
    // Only what hangs for ever is given up: how long anything takes is the machine's.
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    public ConsoleProcess()
    {
        Folder = Directory.CreateTempSubdirectory("torchattention-").FullName;
    }

    /// <summary>The working folder of every process started here.</summary>
    public string Folder { get; }

    public static string Repository { get; } = Metadata("Repository");

    public static string Executable { get; } = Path.Combine(Repository, Metadata("Console"));

    public Result Run(params string[] arguments) => Start(Executable, arguments).Wait();

    /// <summary>Trains without a word into a folder.</summary>
    public void Train(string output, params string[] options) =>
        Assert.Equal(new Result(0, "", ""), Run(["train", "--out", output, "--quiet", .. options]));

    public Running Start(string executable, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(executable, arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return new Running(Process.Start(start)!);
    }

    /// <summary>Whether a program of the system is here and does what it is asked for.</summary>
    public bool CanRun(string executable, string[] arguments)
    {
        try
        {
            return Start(executable, arguments).Wait().ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>What is in a folder, by name.</summary>
    public string[] Entries(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(PathOf(folder)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public string PathOf(string file) => Path.Combine(Folder, file);

    public string[] ReadLines(string file) => File.ReadAllLines(PathOf(file));

    public void Write(string file, string text) => File.WriteAllText(PathOf(file), text);

    // What a process started may outlive it by a moment and still write: Chromium's helpers do.
    public void Dispose() => Assert.True(SpinWait.SpinUntil(IsDeleted, _patience));

    private bool IsDeleted()
    {
        try
        {
            Directory.Delete(Folder, recursive: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string Metadata(string key) =>
        typeof(ConsoleProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    public sealed record Result(int ExitCode, string Output, string Error);

    public sealed class Running(Process process)
    {
        private readonly Task<string> _output = process.StandardOutput.ReadToEndAsync();
        private readonly Lines _error = new(process.StandardError);

        /// <summary>What it has written to its standard error until now.</summary>
        public string Error => _error.UntilNow;

        public int Id => process.Id;

        public bool HasEnded => process.HasExited;

        /// <summary>Its standard input, which stays open.</summary>
        public TextWriter Input => process.StandardInput;

        public void Kill() => process.Kill();

        /// <summary>Waits for something that the process does; a process that ends without having done it fails the test.</summary>
        public void Until(Func<bool> isDone)
        {
            bool isInTime = SpinWait.SpinUntil(() => isDone() || process.HasExited, _patience);
            if (!isInTime || !isDone())
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"The process did not do within {_patience} what was waited for: {Wait()}");
            }
        }

        public Result Wait()
        {
            if (!process.WaitForExit(_patience))
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"The process did not end within {_patience}.");
            }

            return new Result(process.ExitCode, _output.Result, _error.All);
        }
    }

    /// <summary>What a stream says, as it comes.</summary>
    private sealed class Lines
    {
        private readonly StringBuilder _text = new();
        private readonly Task _all;

        public Lines(TextReader reader) => _all = Task.Run(() => ReadAsync(reader));

        public string UntilNow
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        public string All
        {
            get
            {
                _all.GetAwaiter().GetResult();
                return UntilNow;
            }
        }

        private async Task ReadAsync(TextReader reader)
        {
            char[] some = new char[1024];
            for (int read; (read = await reader.ReadAsync(some)) > 0;)
            {
                lock (_text)
                {
                    _text.Append(some, 0, read);
                }
            }
        }
    }
}
