using System.Text;

namespace TorchAttention.Tests.Console;

/// <summary>The console with a libtorch of the user's choice: <c>--libtorch</c> and the variable.</summary>
public sealed class LibTorchTests : IDisposable
{
    private static readonly string _own = Path.GetDirectoryName(ConsoleProcess.Executable)!;

    private readonly ConsoleProcess _console = new();

    public LibTorchTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The native libraries have other names elsewhere.");
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void ProgramWithoutItsOwn_UsesTheChosenOne()
    {
        string copy = Directory.CreateDirectory(_console.PathOf("copy")).FullName;
        foreach (string file in Directory.GetFiles(_own).Where(file => !IsLibTorch(file)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        string executable = Path.Combine(copy, "TorchAttention.Console");
        Assert.Equal(1, _console.Start(executable, ["info"]).Wait().ExitCode);
        ConsoleProcess.Result result = _console.Start(executable, ["info", "--libtorch", _own]).Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains($" from {_own}\n", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--libtorch", "pytorch/torch/lib")]
    [LongData("--libtorch", "pytorch/torch")]
    [LongData(LibTorch.DirectoryVariable, "pytorch/")]
    public void ChosenOne_IsTheOnlyOneMapped(string setting, string folder)
    {
        string lib = PyTorch("2.10.1+cu128");
        foreach (string file in Directory.GetFiles(_own).Where(IsLibTorch))
        {
            File.Copy(file, Path.Combine(lib, Path.GetFileName(file)));
        }

        string[] train = ["train", "--epochs", "10000000", "--out", "run", "--quiet", "--no-plots"];
        ConsoleProcess.Running running = setting == LibTorch.DirectoryVariable
            ? _console.Start(ConsoleProcess.Executable, train, (setting, folder))
            : _console.Start(ConsoleProcess.Executable, [.. train, setting, folder], (LibTorch.DirectoryVariable, "/nowhere"));
        running.Until(() => File.Exists(_console.PathOf("run/config.json")));
        string[] mapped =
            [.. File.ReadLines($"/proc/{running.Id}/maps").Select(line => line.Split(' ', 6)[^1].Trim()).Where(IsLibTorch).Distinct()];
        running.Kill();
        running.Wait();

        Assert.Equal(
            ["libc10.so", "libtorch.so", "libtorch_cpu.so"],
            mapped.Where(file => !file.Contains("gomp", StringComparison.Ordinal)).Select(Path.GetFileName).Order());
        Assert.All(mapped, file => Assert.Equal(lib, Path.GetDirectoryName(file)));
    }

    [Fact]
    public void FolderForTemporaryFiles_IsNotNeeded()
    {
        ConsoleProcess.Result result = _console.Start(
            ConsoleProcess.Executable, ["info", "--libtorch", _own], ("TMPDIR", "/nowhere")).Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains($" from {_own}\n", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("info")]
    [InlineData("train")]
    [InlineData("exercise", "1")]
    public void EveryCommandThatUsesLibTorch_HasTheOption(params string[] command) =>
        Refuses(
            "--libtorch: '/nowhere' is not there; expected the folder torch/lib of a PyTorch 2.10", [.. command, "--libtorch", "/nowhere"]);

    [Fact]
    public void Variable_IsNamedInItsErrors()
    {
        ConsoleProcess.Result result = _console.Start(ConsoleProcess.Executable, ["info"], (LibTorch.DirectoryVariable, "/nowhere")).Wait();

        Assert.Equal(
            (2, "", "error: TORCHATTENTION_LIBTORCH: '/nowhere' is not there; expected the folder torch/lib of a PyTorch 2.10\n"),
            (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void EmptyVariable_IsAsNotSet()
    {
        ConsoleProcess.Result result = _console.Start(ConsoleProcess.Executable, ["info"], (LibTorch.DirectoryVariable, "")).Wait();

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains($" from {_own}\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void NotALibTorch_IsRefused()
    {
        _console.Write("file", "");
        Directory.CreateDirectory(_console.PathOf("empty"));

        Refuses("--libtorch: expected a folder with libtorch, got ''", "");
        Refuses($"--libtorch: '{_console.PathOf("file")}' is a file, not a folder", "file");
        Refuses(
            $"--libtorch: '{_console.PathOf("empty")}' holds no libtorch: no libtorch_cpu.so in it, in its lib or in its torch/lib",
            "empty");
    }

    [Theory]
    [LongData("1.13.0a0")]
    [LongData("2.1.0")]
    [LongData("2.12.0+cu128")]
    [InlineData("2.110.0")]
    public void OtherVersion_IsRefusedBeforeItIsLoaded(string version)
    {
        File.WriteAllText(Path.Combine(PyTorch(version), "libtorch_cpu.so"), "not looked at");

        Refuses($"--libtorch: the libtorch in '{_console.PathOf("pytorch/torch/lib")}' does not fit: it is libtorch {version}; "
            + $"TorchSharp 0.107.0 needs libtorch 2.10 or 2.11", "pytorch");
    }

    [Fact]
    public void LibTorchOfTheDistribution_IsRefused()
    {
        const string Debian = "/usr/lib/python3/dist-packages/torch";
        Assert.SkipUnless(Directory.Exists($"{Debian}/lib"), "python3-torch is not installed.");
        Assert.SkipWhen(
            File.ReadAllText($"{Debian}/version.py").Contains($"'{LibTorch.NeededVersion}.", StringComparison.Ordinal),
            "python3-torch may fit.");

        Refuses($"--libtorch: the libtorch in '{Debian}/lib' does not fit: it is libtorch ", Debian);
    }

    [Fact]
    public void VersionThatOnlyTheLibraryTells_IsRefused()
    {
        // A library without its functions stands for a libtorch that is too old to be asked.
        string lib = LinkedLibTorch(except: "libtorch_cpu.so");
        File.CreateSymbolicLink(Path.Combine(lib, "libtorch_cpu.so"), Path.Combine(_own, "libtorch_global_deps.so"));

        Refuses($"--libtorch: the libtorch in '{lib}' does not fit: it is libtorch older than 2.9; TorchSharp", lib);
    }

    [Theory]
    [InlineData("libc10.so", "libc10.so")]
    [InlineData("libtorch_cpu.so", "libtorch_cpu.so")]
    public void BrokenLibrary_IsNamedWithTheSystemsReason(string broken, string named)
    {
        string lib = LinkedLibTorch(except: broken);
        File.WriteAllText(Path.Combine(lib, broken), "not a library at all, whatever its name says, and long enough for a header");

        Refuses($"--libtorch: the libtorch in '{lib}' does not fit: its {named} could not be loaded: the system says "
            + $"'{Path.Combine(lib, broken)}: invalid ELF header'", lib);
    }

    [Fact]
    public void MissingLibrary_IsNamed()
    {
        string lib = LinkedLibTorch(except: "libtorch.so");

        Refuses($"--libtorch: the libtorch in '{lib}' does not fit: its libtorch.so could not be loaded: the system says "
            + $"'{lib}/libtorch.so: cannot open shared object file", lib);
    }

    [Fact]
    public void MissingFunction_IsNamedBeforeAnythingRuns()
    {
        // libtorch_cpu calls this one too, but would look for it only then.
        string lib = LinkedLibTorch(except: "libc10.so");
        CopyWith(lib, "libc10.so", "TypeMeta26error_unsupported_typemeta", "TypeMeta26error_unsupported_typemetX");

        Refuses(
            $"--libtorch: the libtorch in '{lib}' does not fit: TorchSharp's native part could not be bound to it: the system says '", lib);
        Refuses(
            "undefined symbol: _ZN6caffe28TypeMeta26error_unsupported_typemetaES0_'; TorchSharp 0.107.0 needs libtorch 2.10 or 2.11", lib);
    }

    [Fact]
    public void OtherNameInside_IsRefused()
    {
        string lib = LinkedLibTorch(except: "libtorch.so");
        CopyWith(lib, "libtorch.so", "\0libtorch.so\0", "\0libtorcX.so\0");

        Refuses($"--libtorch: the libtorch in '{lib}' does not fit: its libtorch.so has another name inside (SONAME)", lib);
    }

    private static bool IsLibTorch(string file)
    {
        string name = Path.GetFileName(file);
        return name.Contains(".so", StringComparison.Ordinal)
            && (name.StartsWith("libtorch", StringComparison.Ordinal) || name.StartsWith("libc10", StringComparison.Ordinal)
                || name.StartsWith("libgomp-", StringComparison.Ordinal));
    }

    private static void CopyWith(string folder, string library, string name, string otherName)
    {
        byte[] content = File.ReadAllBytes(Path.Combine(_own, library));
        Span<byte> rest = content;
        int count = 0;
        for (int at; (at = rest.IndexOf(Encoding.ASCII.GetBytes(name))) >= 0; rest = rest[(at + 1)..])
        {
            Encoding.ASCII.GetBytes(otherName).CopyTo(rest[at..]);
            count++;
        }

        Assert.NotEqual(0, count);
        File.WriteAllBytes(Path.Combine(folder, library), content);
    }

    // A PyTorch as pip lays it out, without its libraries.
    private string PyTorch(string version)
    {
        string lib = Directory.CreateDirectory(_console.PathOf("pytorch/torch/lib")).FullName;
        _console.Write(
            "pytorch/torch/version.py",
            $"from typing import Optional\n\n__all__ = ['__version__', 'debug']\n__version__ = '{version}'\ndebug = False\n");
        return lib;
    }

    private string LinkedLibTorch(string except)
    {
        string lib = Directory.CreateDirectory(_console.PathOf("linked")).FullName;
        foreach (string file in
            Directory.GetFiles(_own).Where(IsLibTorch).Select(file => Path.GetFileName(file)).Where(file => file != except))
        {
            File.CreateSymbolicLink(Path.Combine(lib, file), Path.Combine(_own, file));
        }

        return lib;
    }

    private void Refuses(string message, string folder) => Refuses(message, ["info", "--libtorch", folder]);

    private void Refuses(string message, string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }
}
