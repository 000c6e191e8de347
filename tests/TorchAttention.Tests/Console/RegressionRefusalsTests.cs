namespace TorchAttention.Tests.Console;

/// <summary>What the commands of fits refuse, in a line that leaves nothing behind.</summary>
public sealed class RegressionRefusalsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void FileThatWouldBeLost_IsRefused()
    {
        (string Message, string Arguments)[] cases =
        [
            ("--model: 'd.csv' is the file of the data", "fit --data d.csv --model d.csv --out new"),
            ("--model: 'new/fitted.csv' is a file of the run", "fit --data d.csv --model new/fitted.csv --out new"),
            ("--model: 'link.csv' is the file of the data", "fit --data d.csv --model link.csv --out new"),
            ("--out: 'd.csv' is the file of the queries", "predict --model m --data d.csv --out d.csv"),
            ("--out: './m' is the model", "predict --model m --data d.csv --out ./m"),
            ("--out: 'run' cannot be written to (it is a folder)", "predict --model m --data d.csv --out run"),
            ("--out: 'none/p.csv' cannot be written to (its folder does not exist)", "predict --model m --data d.csv --out none/p.csv"),
            ("--out: '' cannot be written to (it has no name)", "predict --model m --data d.csv --out "),
            ("--model: expected a file, got ''", "predict --data d.csv --model "),
            ("--out: 'run/config.json' is a file of the run", "report run --out run/config.json"),
        ];
        _console.Write("d.csv", "x,y\n1,2\n2,3\n3,5\n4,4\n");
        Assert.Equal(0, _console.Run("fit", "--data", "d.csv", "--model", "m", "--no-plots", "--quiet", "--out", "run").ExitCode);
        File.CreateSymbolicLink(_console.PathOf("link.csv"), "d.csv");
        Dictionary<string, string> before = Contents();
        Assert.All(cases, one =>
        {
            ConsoleProcess.Result result = _console.Run(one.Arguments.Split(' '));

            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.StartsWith($"error: {one.Message}", result.Error, StringComparison.Ordinal);
            Assert.Equal(before, Contents());
        });

        Dictionary<string, string> Contents() =>
            Directory.GetFiles(_console.Folder, "*", SearchOption.AllDirectories).ToDictionary(
                file => file, file => Convert.ToBase64String(File.ReadAllBytes(file)));
    }

    [Fact]
    public void ModelThatNeverEnds_IsRefusedByItsFirstBytes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no /dev/zero.");
        _console.Write("d.csv", "x\n1\n");
        using (FileStream sparse = File.Create(_console.PathOf("sparse")))
        {
            sparse.SetLength(1L << 33);
            sparse.Write([255, 255, 255, 255, 0, 0, 0, 0]);
        }

        Assert.Equal(
            new ConsoleProcess.Result(2, "", "error: /dev/zero: expected a header that begins with {, found an empty one\n"),
            _console.Run("predict", "--model", "/dev/zero", "--data", "d.csv"));
        Assert.Contains(
            "found the length 4294967295", _console.Run("predict", "--model", "sparse", "--data", "d.csv").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--data: expected a file", "fit")]
    [InlineData("nope.csv: no such file", "fit", "--data", "nope.csv")]
    [InlineData("--data: no table or file 'nope'", "fit", "--data", "nope")]
    [InlineData("found 'setosa'; for a column of classes add --classes", "fit", "--data", "iris", "--y", "Species", "--x", "Petal.Width")]
    [InlineData(
        "expected a feature of numbers as well beside the category 'Species'",
        "fit", "--data", "iris", "--x", "Species", "--y", "Petal.Width")]
    [InlineData("--bandwidth: expected positive numbers, df=number, nn=share or one of loo", "fit", "--data", "mcycle", "--bandwidth", "0")]
    [InlineData(
        "--bandwidth: expected degrees of freedom of at least 1 after df=, got 'df=0'",
        "fit", "--data", "mcycle", "--bandwidth", "df=0")]
    [InlineData(
        "mcycle: expected degrees of freedom above 2, as the widest bandwidth has, and below 94, the number of different keys, got 94",
        "fit", "--data", "mcycle", "--degree", "1", "--bandwidth", "df=94")]
    [LongData("--bandwidth: expected positive numbers, df=number, nn=share or one of loo", "fit", "--data", "mcycle", "--bandwidth", "NaN")]
    [LongData(
        "--bandwidth: expected positive numbers, df=number, nn=share or one of loo", "fit", "--data", "mcycle", "--bandwidth", "1e999")]
    [InlineData("--bandwidth: expected one bandwidth or one for each of times, got 2", "fit", "--data", "mcycle", "--bandwidth", "1,2")]
    [InlineData(
        "--bandwidth: the rule plugin is for one feature, got 2", "fit", "--data", "iris", "--x", "Petal.Width,Sepal.Width", "--y",
        "Petal.Length", "--bandwidth", "plugin")]
    [InlineData("--kernel: expected one of gaussian", "fit", "--data", "mcycle", "--kernel", "cosine")]
    [InlineData("--degree: expected 0, 1, 2, 3 or auto, got '4'", "fit", "--data", "mcycle", "--degree", "4")]
    [InlineData("--ridge: expected the degree 1, 2, 3 or auto beside it, got 0", "fit", "mcycle", "--degree", "0", "--ridge", "0.25")]
    [InlineData("--ridge: expected the degree 1", "fit", "iris", "--x", "Petal.Width", "--y", "Species", "--classes", "--ridge", "1")]
    [InlineData("--ridge: expected a number of at least 0", "fit", "--data", "mcycle", "--degree", "2", "--ridge", "-1")]
    [InlineData(
        "--degree: expected 0 with --classes, got auto", "fit", "--data", "iris", "--x", "Petal.Width", "--y", "Species", "--classes",
        "--degree", "auto")]
    [InlineData("--x: expected columns that are not named twice", "fit", "--data", "mcycle", "--x", "times,times", "--y", "accel")]
    [InlineData("mcycle: no column 'z'; its columns are 'times', 'accel'", "fit", "--data", "mcycle", "--x", "z")]
    [InlineData("--model: 'none/m' cannot be written to (its folder does not exist)", "fit", "--data", "mcycle", "--model", "none/m")]
    [InlineData("--delimiter: expected a character that is in no number", "fit", "--data", "mcycle", "--delimiter", "7")]
    [InlineData("--decimal-comma: expected another --delimiter", "fit", "--data", "mcycle", "--decimal-comma")]
    [InlineData("--missing: expected one of error, drop, predict, level, got 'x'", "fit", "--data", "mcycle", "--missing", "x")]
    [InlineData("--model", "predict")]
    [InlineData("m.safetensors: no such file", "predict", "--model", "m.safetensors")]
    [InlineData("--folds: expected at most 133, the number of rows, got 134", "evaluate", "--data", "mcycle", "--folds", "134")]
    public void WrongInput_IsOneLineAndLeavesNothing(string message, params string[] arguments)
    {
        ConsoleProcess.Result result = _console.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.Equal("", result.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_console.Folder));
    }

    [Theory]
    [InlineData("a,b\n1,2\n1,3\n", "column 'a': expected numbers that vary, got 1 everywhere")]
    [InlineData(
        "a,b\n1,2\n2,\n3,NA\n",
        "d.csv, row 3, column 'b': expected a number, found nothing; 2 rows miss one; --missing drop leaves such rows out")]
    [InlineData(
        "a,b\n2026-11-26,1\n,2\n2026-11-28,3\n",
        "d.csv, row 3, column 'a': expected a date or a time without a time zone, such as 2026-11-26 or 2026-11-26T20:15, found nothing")]
    [LongData("a,b\n1,2\n2,1e999\n", "d.csv, row 3, column 'b': expected a finite number, found '1e999'")]
    [InlineData("a,b\n1,2\n2,3,4\n", "d.csv, row 3: expected 2 fields as in the header, found 3")]
    [LongData("a;b\n1;2\n", "separated by something other than a comma?")]
    [LongData("a,b,c\n1,2,3\n", "name the columns with --x and --y")]
    [LongData("a,b\n", "expected data below the header row, found none")]
    public void UnfitData_IsOneLineAndLeavesNothing(string csv, string message)
    {
        _console.Write("d.csv", csv);
        ConsoleProcess.Result result = _console.Run("fit", "--data", "d.csv");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal(["d.csv"], _console.Entries("."));
    }

    [Theory]
    [LongData("missing.csv")]
    [LongData("found nothing.csv")]
    [InlineData("a missing value, expected a number, found 'x'.csv")]
    public void Advice_ComesFromWhatIsWrongAndNotFromNames(string file)
    {
        _console.Write(file, "x,y\n1,a\n2,b\n");
        Assert.Equal(
            $"error: {file}, row 2, column 'y': expected a number, found 'a'; for a column of classes add --classes\n",
            _console.Run("fit", "--data", file).Error);
        _console.Write(file, "x,missing value\n1,5%\n2,b\n");
        Assert.Equal(
            $"error: {file}, row 2, column 'missing value': expected a number, found '5%'\n", _console.Run("fit", "--data", file).Error);
        _console.Write(file, "x,y\n1,\n2,b\n");
        Assert.Equal(
            $"error: {file}, row 2, column 'y': expected a number, found nothing; --missing drop leaves such rows out\n",
            _console.Run("fit", "--data", file).Error);
    }

    [Fact]
    public void NegativeWeight_IsNamedByItsRow()
    {
        _console.Write("d.csv", "a,b,w\n1,2,1\n2,,1\n3,4,-0.5\n5,6,1\n");
        ConsoleProcess.Result result = _console.Run(
            "fit", "--data", "d.csv", "--x", "a", "--y", "b", "--weights", "w", "--missing", "drop");
        Assert.Equal(
            (2, "error: d.csv, row 4, column 'w': expected a number of at least 0, found '-0.5'\n"), (result.ExitCode, result.Error));
        Assert.Equal(["d.csv"], _console.Entries("."));
    }

    [Fact]
    public void Failure_LeavesNoHalfOfTheAnswers()
    {
        Assert.Equal(0, _console.Run("fit", "--data", "mcycle", "--bandwidth", "1", "--no-plots", "--quiet", "--out", "run").ExitCode);
        _console.Write("q.csv", "times\n" + string.Concat(Enumerable.Repeat("1\n", 70_000)) + "x\n");
        ConsoleProcess.Result result = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--out", "p.csv");
        Assert.Equal((2, "error: q.csv, row 70002, column 'times': expected a number, found 'x'\n"), (result.ExitCode, result.Error));
        Assert.Equal(["q.csv", "run"], _console.Entries("."));
        result = _console.Run("predict", "--model", "run/model.safetensors", "--data", "q.csv", "--out", "none/p.csv");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("'none/p.csv' cannot be written to", result.Error, StringComparison.Ordinal);
    }
}
