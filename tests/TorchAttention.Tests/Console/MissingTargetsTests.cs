using TorchAttention.Tests.Files;

namespace TorchAttention.Tests.Console;

/// <summary>Rows without a target.</summary>
public sealed class MissingTargetsTests : IDisposable
{
    private const string Rows = "x,y,g\n0,1,a\n1,,a\n2,3,a\n3,2,a\n4,NA,b\n5,4,a\n6,5,a\n";
    private static readonly string[] _fit
        = ["--x", "x", "--y", "y", "--bandwidth", "1", "--degree", "0", "--missing", "predict", "--quiet"];

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Theory]
    [InlineData("data.csv")]
    [InlineData("data.parquet")]
    public void RowsWithoutATarget_ArePredictedAndInNoFit(string file)
    {
        _console.Write("data.csv", Rows);
        if (file != "data.csv")
        {
            _console.Write("nan.csv", Rows.Replace(",a", "", StringComparison.Ordinal).Replace(",g", "", StringComparison.Ordinal)
                .Replace("NA,b", "", StringComparison.Ordinal));
            Written.Copy(_console.PathOf("nan.csv"), _console.PathOf(file));
        }

        Assert.Equal(new(0, "", ""), _console.Run(["fit", file, .. _fit, "--no-plots", "--out", "run"]));
        string[] fitted = _console.ReadLines("run/fitted.csv");
        string[] predicted = _console.ReadLines("run/predicted.csv");
        Assert.Equal(8, fitted.Length);
        Assert.Equal("x,mean,se,lower,upper,noise,neighbours,flag", predicted[0]);
        Assert.Equal($"1,,{predicted[1].Split(',')[1]},", fitted[2]);
        Assert.StartsWith("4,,", fitted[5], StringComparison.Ordinal);
        Assert.Equal(3, predicted.Length);

        // The same as a fit without them, and a prediction of them.
        _console.Write("rest.csv", "x,y\n0,1\n2,3\n3,2\n5,4\n6,5\n");
        _console.Write("queries.csv", "x\n1\n4\n");
        Assert.Equal(new(0, "", ""), _console.Run(["fit", "rest.csv", .. _fit, "--no-plots", "--out", "rest"]));
        Assert.Equal(
            predicted,
            _console.Run("predict", "queries.csv", "--model", "rest/model.safetensors", "--interval", "new").Output.TrimEnd()
                .Split(Environment.NewLine));
        Assert.False(File.Exists(_console.PathOf("rest/predicted.csv")));
    }

    [Fact]
    public void WithGroups_ThoseOfOtherGroupsAreLeftEmpty()
    {
        _console.Write("data.csv", Rows);
        Assert.Equal(new(0, "", ""), _console.Run(["fit", "data.csv", .. _fit, "--by", "g", "--no-plots", "--out", "run"]));
        string[] predicted = _console.ReadLines("run/predicted.csv");
        Assert.StartsWith("a,1,2", predicted[1], StringComparison.Ordinal);
        Assert.Equal("b,4,NaN,NaN,NaN,NaN,NaN,0,no_group", predicted[2]);
        Assert.Equal("b,4,,,", _console.ReadLines("run/fitted.csv")[5]);
    }

    [Theory]
    [InlineData("x,y\n1,2\n,3\n2,4\n", "fit", "", "data.csv, row 3, column 'x': expected a number, found nothing")]
    [InlineData("x,y\n1,\n2,\n", "fit", "", "data.csv, column 'y': expected numbers to fit the others' to, found none in 2 rows")]
    [InlineData("x,y\n1,2\n2,\n", "fit", "--classes", "--missing predict: expected a target of numbers, got classes")]
    [InlineData("x,y\n1,2\n2,\n", "fit", "--one-pass", "--missing predict: expected a fit in memory, got one in one pass")]
    [InlineData("x,y\n1,2\n2,\n", "evaluate", "", "--missing: expected one of error, drop, level, got 'predict'")]
    public void OtherMissingValues_AreRefused(string csv, string command, string option, string error)
    {
        _console.Write("data.csv", csv);
        string[] options = option.Length == 0 ? [] : [option];
        ConsoleProcess.Result found = _console.Run([command, "data.csv", "--x", "x", "--y", "y", "--missing", "predict", .. options]);
        Assert.Equal((2, ""), (found.ExitCode, found.Output));
        Assert.StartsWith($"error: {error}", found.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_console.PathOf("runs")));
    }
}
