namespace TorchAttention.Tests.Console;

public sealed class WrongInputTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData(
        "--data: no data set or file 'nothing'; the built-in data sets are nonlinear, ethanol, faithful, iris, mcycle", "--data",
        "nothing")]
    [InlineData("nothing.csv: no such file", "--data", "nothing.csv")]
    [InlineData("expected a CSV file, found a directory", "--data", "/")]
    [InlineData("--n: expected a whole number of at least 1, got '0'", "--n", "0")]
    [LongData("--n: expected a whole number of at least 1, got 'many'", "--n", "many")]
    [LongData("--batch-size: expected a whole number of at least 1, got '0'", "--batch-size", "0")]
    [LongData("--epochs: expected a whole number of at least 1, got '-1'", "--epochs", "-1")]
    [InlineData("--noise-std: expected a number of at least 0 that float32 can hold, got '-0.5'", "--noise-std", "-0.5")]
    [LongData("--noise-std: expected a number of at least 0 that float32 can hold, got '1e39'", "--noise-std", "1e39")]
    [InlineData("--lr: expected a positive number that float32 can hold, got '0'", "--lr", "0")]
    [LongData("--lr: expected a positive number that float32 can hold, got 'NaN'", "--lr", "NaN")]
    [LongData("--lr: expected a positive number that float32 can hold, got '1e308'", "--lr", "1e308")]
    [LongData("--bandwidth: expected a positive number that float32 can hold, got '-1'", "--bandwidth", "-1")]
    [InlineData("--bandwidth: 1E-30 is too small for the distances between these inputs", "--bandwidth", "1e-30")]
    [InlineData("--n: 2147483647 examples in mini-batches of 10 need about", "--n", "2147483647")]
    [InlineData(
        "--batch-size: 2000000 examples in mini-batches of 2000000 need about", "--n", "2000000", "--batch-size", "100000000", "--method",
        "textbook")]
    [InlineData("--method: expected one of auto, textbook, engine, streaming, got 'fast'", "--method", "fast")]
    [InlineData("--out: expected a folder, got ''", "--out", "")]
    [InlineData("--out: expected a value, got ''", "--out=", "--no-plots")]
    [InlineData("--data: expected a value, got ''", "--data:")]
    [InlineData("--data: no data set or file '@nothing'", "--data", "@nothing")]
    [InlineData("train: expected no 'more'; see train --help", "mcycle", "more")]
    [LongData("--data: no data set or file '@nothing'", "@nothing")]
    [InlineData("--seed: expected a whole number from 0 to 18446744073709551615, got '-1'", "--seed", "-1")]
    [InlineData("--validation-fraction: expected a number between 0 and 1, got '1'", "--data", "mcycle", "--validation-fraction", "1")]
    [InlineData("--device: expected auto, cpu, cuda or cuda:N, got 'gpu'", "--device", "gpu")]
    [InlineData("--n applies to --data nonlinear only", "--data", "mcycle", "--n", "5")]
    [InlineData("--x applies to tables only", "--x", "times")]
    [InlineData("--leave-one-out: expected --n of at least 2, got 1", "--n", "1", "--leave-one-out")]
    [InlineData("mcycle: no column 'speed'; its columns are 'times', 'accel'", "--data", "mcycle", "--y", "speed")]
    [InlineData("--y: 'times' is the column of --x; expected another one", "--data", "mcycle", "--x", "times", "--y", "times")]
    [InlineData("--noise-std: 1E+19 is too large; the sum of the targets' squares does not fit float32", "--noise-std", "1e19")]
    [InlineData("iris, row 2, column 'Species': expected a number, found 'setosa'", "--data", "iris", "--y", "Species")]
    [InlineData("--out: '/dev/null/run' cannot be written to", "--out", "/dev/null/run")]
    [InlineData("train has no option '--lerning-rate'; see train --help", "--lerning-rate", "1")]
    [InlineData("train: expected no '--no-plots'; see train --help", "--", "mcycle", "--no-plots")]
    [InlineData("train has no option '--bach-size' (did you mean '--batch-size'?); see train --help", "--bach-size=3", "mcycle")]
    [InlineData("--data: expected the data once, got 'mcycle' as well", "mcycle", "--data", "faithful")]
    public void Option_IsOneLineAndTwo(string message, params string[] options) => Refuses(message, ["train", .. options]);

    [Theory]
    [InlineData("", "data.csv: expected a header row and data, found an empty file")]
    [LongData("x,y\n", "data.csv: expected data below the header row, found none")]
    [InlineData("x,y\n1,2\n", "data.csv: expected at least 3 rows, 2 to train on and 1 to validate with, found 1")]
    [InlineData("x,y\n1,2\n2,3\n3,abc\n", "data.csv, row 4, column 'y': expected a number, found 'abc'")]
    [LongData("x,y\n1,2\n,3\n", "data.csv, row 3, column 'x': expected a number, found nothing")]
    [LongData("x,y\n1,2\n2,NaN\n3,4\n", "data.csv, row 3, column 'y': expected a number, found 'NaN', a missing value")]
    [LongData("x,y\n1,2\n2,-inf\n3,4\n", "data.csv, row 3, column 'y': expected a number, found '-inf'")]
    [LongData("x,y\n1,2\n2,-Infinity\n3,4\n", "data.csv, row 3, column 'y': expected a finite number, found '-Infinity'")]
    [LongData("x,y\n1,1e999\n", "data.csv, row 2, column 'y': expected a finite number, found '1e999'")]
    [LongData("x,y\n1,2\n1,3\n1,4\n", "data.csv, column 'x': expected values that vary, got 1 everywhere")]
    [InlineData("x,y\n1,2\n2,2\n3,2\n", "data.csv, column 'y': expected values that vary, got 2 everywhere")]
    [LongData("x,y\n1,2\n3\n", "data.csv, row 3: expected 2 fields as in the header, found 1")]
    [LongData("x,x\n1,2\n3,4\n", "data.csv, row 1, column 'x': the header has this name more than once")]
    [InlineData(
        "x;y\n1;2\n3;4\n",
        "data.csv: name the columns with --x and --y; its only column is 'x;y': are the fields separated by something other than a comma?")]
    [InlineData("x,\"y\nz\"\n\"1\",2\n2,\"a\nb\"\n", "data.csv, row 3, column 'y\\nz': expected a number, found 'a\\nb'")]
    [LongData("a,b,c\n1,2,3\n", "data.csv: name the columns with --x and --y; its columns are 'a', 'b', 'c'")]
    public void Table_IsOneLineAndTwo(string csv, string message)
    {
        _console.Write("data.csv", csv);
        Refuses(message, ["train", "--data", "data.csv"]);
    }

    [Fact]
    public void BinaryFile_IsOneLineAndTwo()
    {
        File.WriteAllBytes(_console.PathOf("data.csv"), [0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0x00, 0x0a, 0xc3]);
        Refuses("data.csv, row 1: expected UTF-8 text, found other bytes", ["train", "--data", "data.csv"]);
    }

    [Theory]
    [InlineData(
        "unknown command 'fly'; the commands are train, exercise, info, serve, cluster, fit, predict, bandwidth, evaluate, moments, shard, "
            + "condense, runs, report, datasets",
        "fly")]
    [InlineData("unknown command '[suggest]'; the commands are", "[suggest]", "train")]
    [InlineData("unknown command '@nothing'; the commands are", "@nothing")]
    [InlineData("exercise: expected a number from 1 to 4, got '5'", "exercise", "5")]
    [InlineData("Required argument 'number' missing for command: 'exercise'.", "exercise")]
    public void Command_IsOneLineAndTwo(string message, params string[] arguments) => Refuses(message, arguments);

    [Fact]
    public void MissingCuda_IsOneLineAndTwo()
    {
        Assert.SkipWhen(ComputeDevice.CudaCount() > 0, "This machine has a CUDA device.");
        Refuses("--device: No CUDA device for 'cuda'", ["train", "--device", "cuda"]);
    }

    [Fact]
    public void FolderWithARun_IsRefusedAndLeftAlone()
    {
        Assert.Equal(0, _console.Run("train", "--out", "run", "--no-plots").ExitCode);
        string[] before = _console.ReadLines("run/steps.csv");

        ConsoleProcess.Result result = _console.Run("train", "--out", "run", "--no-plots", "--seed", "1");

        Assert.Equal(
            (2, "error: --out: 'run' already holds a run (config.json); name another folder, or remove it first\n"),
            (result.ExitCode, result.Error));
        Assert.Equal(before, _console.ReadLines("run/steps.csv"));
    }

    [Theory]
    [InlineData("file", "plots", "--out: 'run' holds a file plots, where the folder of the pictures is to be; name another folder")]
    [InlineData("folder", "plots/old", "--out: 'run' already holds pictures (plots); name another folder, or remove them first")]
    [InlineData("folder", "steps.csv", "--out: 'run' holds a folder steps.csv, where a file is to be written; name another folder")]
    public void FolderWithSomethingInTheWay_IsRefusedBeforeAnyWork(string kind, string name, string message)
    {
        Directory.CreateDirectory(_console.PathOf(kind == "file" ? "run" : $"run/{name}"));
        if (kind == "file")
        {
            _console.Write($"run/{name}", "");
        }

        // So many examples would take minutes before the folder could be looked at, were it looked at late.
        Refuses(message, ["train", "--n", "300000", "--batch-size", "1", "--out", "run"]);
        Assert.Single(Directory.GetFileSystemEntries(_console.PathOf("run")));
    }

    [Fact]
    public void FolderMadeForARunThatIsRefused_IsRemovedWithThoseAboveIt()
    {
        Directory.CreateDirectory(_console.PathOf("mine"));

        Refuses("--bandwidth: 1E-30 is too small", ["train", "--bandwidth", "1e-30", "--out", "mine/new/run"]);
        Assert.Empty(Directory.GetFileSystemEntries(_console.PathOf("mine")));
    }

    [Fact]
    public void NoCommand_ShowsTheHelp()
    {
        ConsoleProcess.Result result = _console.Run();

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("train", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Divergence_NamesTheStepAndKeepsWhatWasDone()
    {
        ConsoleProcess.Result result = _console.Run("train", "--lr", "1e30", "--out", "run");

        Assert.Equal(1, result.ExitCode);
        Assert.Matches(
            @"^error: Training diverged: the (training|validation) loss (of|after) step \d+ \(epoch 1, mini-batch \d of 5\) is NaN; "
            + @"(the parameter w has \S+|the largest number in the parameters is \S+, in w)\. Try a smaller --lr than 1E\+30\. .*\n$",
            result.Error);
        Assert.Equal(
            ["config.json", "epochs.csv", "steps.csv"], Directory.GetFiles(_console.PathOf("run")).Select(Path.GetFileName).Order());
        Assert.DoesNotContain("NaN", File.ReadAllText(_console.PathOf("run/steps.csv")), StringComparison.Ordinal);
    }

    [Fact]
    public void DivergenceFromNoise_NamesTheNoise()
    {
        ConsoleProcess.Result result = _console.Run("train", "--noise-std", "1e16", "--out", "run");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(
            " Try a smaller --noise-std than 1E+16, or a smaller --lr than 1. What was done", result.Error, StringComparison.Ordinal);
    }

    private void Refuses(string message, string[] arguments)
    {
        string[] before = Directory.GetFileSystemEntries(_console.Folder);

        ConsoleProcess.Result result = _console.Run(arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(result.Error.Length - 1, result.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Empty(result.Output);
        Assert.Equal(before, Directory.GetFileSystemEntries(_console.Folder));
    }
}
