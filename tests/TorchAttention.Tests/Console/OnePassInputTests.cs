namespace TorchAttention.Tests.Console;

/// <summary>What commands that read rows once refuse.</summary>
public sealed class OnePassInputTests : OnePassConsole
{
    [Theory]
    [InlineData("--degree: expected 0 with --classes", "fit", "mcycle", "--one-pass", "--classes", "--degree", "1")]
    [InlineData("--y: expected columns separated by commas, got 'load,'", "fit", "bad.csv", "--one-pass", "--y", "load,")]
    [InlineData("--y: expected columns that are not named twice", "fit", "bad.csv", "--one-pass", "--x", "temp", "--y", "load,load")]
    [InlineData("--y: expected one column, got 'load,temp'; fit --one-pass", "fit", "bad.csv", "--x", "temp", "--y", "load,temp")]
    [InlineData("--moments: expected no --classes", "fit", "--moments", "a.moments", "--classes")]
    [InlineData("--folds: expected at most 1000, got 2000", "moments", "mcycle", "--folds", "2000", "--out", "a.moments")]
    [InlineData("--folds: expected none beside --grid", "moments", "mcycle", "--folds", "5", "--grid", "b", "--out", "a.moments")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--bandwidth", "scott")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--degree", "2")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--ridge", "1")]
    [InlineData("--one-pass: expected the degree 0 or 1", "fit", "mcycle", "--one-pass", "--kernel", "boxcar", "--bandwidth", "kfold")]
    [InlineData("--moments: expected the gaussian kernel", "fit", "--moments", "a.moments", "--kernel", "tricube")]
    [InlineData("--cell: expected the gaussian kernel", "fit", "mcycle", "--one-pass", "--cell", "1", "--kernel", "tricube")]
    [InlineData("--kernel: expected gaussian", "fit", "-", "--one-pass", "--kernel", "boxcar")]
    [InlineData("--cell: expected none beside --moments", "fit", "--moments", "a.moments", "--cell", "1")]
    [InlineData("--moments: expected no --weights", "fit", "--moments", "a.moments", "--weights", "w")]
    [InlineData("--classes: expected none beside --sql", "moments", "--sql", "sqlite", "--classes")]
    [InlineData("--folds: expected none beside --sql", "moments", "--sql", "sqlite", "--folds", "5")]
    [InlineData("--moments: expected no --data", "fit", "mcycle", "--moments", "a.moments")]
    [InlineData("--cell: expected --one-pass", "fit", "mcycle", "--cell", "1")]
    [InlineData("--data: no file is called as 'none-*.csv' says", "fit", "none-*.csv")]
    [InlineData("a.moments: no such file", "fit", "--moments", "a.moments")]
    [InlineData(
        "bad.csv, row 3, column 'load': expected a number, found 'x'; for a column of classes add --classes",
        "fit",
        "bad.csv",
        "--one-pass")]
    [InlineData("none.csv: no such file", "moments", "none.csv", "--out", "a.moments")]
    [InlineData("--out: expected a file, got none", "moments", "mcycle")]
    [InlineData("--out: expected a file, as moments are no text, got -", "moments", "mcycle", "--out", "-")]
    [InlineData("..: expected a CSV file, found a directory", "fit", "..", "--one-pass")]
    [InlineData("..: expected a CSV file, found a directory", "fit", "..", "--one-pass", "--kernel", "boxcar")]
    [InlineData("none.csv: no such file", "fit", "none.csv", "--one-pass", "--kernel", "boxcar")]
    [InlineData("--out: expected a file that ends in", "condense", "--model", "bad.csv", "--out", "a.txt")]
    [InlineData("bad.csv: expected a safetensors file", "condense", "--model", "bad.csv", "--out", "a.cs")]
    public void WrongInput_IsOneLineAndNothingIsWritten(string message, params string[] arguments)
    {
        Console.Write("bad.csv", "temp,load\n1,2\n3,x\n4,5\n");
        ConsoleProcess.Result result = Console.Run([.. arguments, .. arguments[0] == "fit" ? (string[])["--out", "run"] : []]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.Equal(["bad.csv"], Directory.GetFileSystemEntries(Console.Folder).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("fit", "--x", "a", "--one-pass", "--bandwidth", "2")]
    [InlineData("fit", "--x", "a,b", "--one-pass")]
    [InlineData("moments", "--x", "a", "--out", "a.moments")]
    [InlineData("moments", "--x", "a,b", "--out", "a.moments")]
    public void WeightsOfNothing_NameTheirColumn(string command, params string[] arguments)
    {
        Console.Write("rows.csv", "a,b,y,w\n1,2,3,0\n2,1,4,0\n3,5,1,0\n");
        ConsoleProcess.Result result = Console.Run([command, "rows.csv", "--y", "y", "--weights", "w", .. arguments]);
        Assert.Equal(
            "error: rows.csv, column 'w': expected weights whose sum is positive and finite, got 0\n",
            result.Error.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("a", "loo", "rows.csv, column 'a': expected numbers that vary, got 1 everywhere: no bandwidth can be chosen by it")]
    [InlineData("a,b", "loo", "rows.csv, column 'a': expected numbers that vary, got 1 everywhere: no bandwidth can be chosen by it")]
    [InlineData("a", "2", "rows.csv: expected at least two rows that count in one pass, got 1")]
    [InlineData("a,b", "2", "")]
    public void OneRowThatCounts_IsAsInMemory(string x, string bandwidth, string message)
    {
        Console.Write("rows.csv", "a,b,y,w\n1,2,3,1\n2,1,4,0\n3,5,1,0\n");
        ConsoleProcess.Result result = Console.Run(
            ["fit", "rows.csv", "--x", x, "--y", "y", "--weights", "w", "--bandwidth", bandwidth, "--one-pass", "--out", "run"]);
        Assert.Equal(message.Length > 0 ? $"error: {message}\n" : "", result.Error.ReplaceLineEndings("\n"));
    }
}
