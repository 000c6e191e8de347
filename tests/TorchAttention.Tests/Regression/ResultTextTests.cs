using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.Regression;

/// <summary>Results printed as they are say what they hold.</summary>
public sealed class ResultTextTests
{
    private static readonly double[] _x = [0, 1, 2, 3, 4];
    private static readonly double[] _y = [0, 1, 4, 9, 16];

    [Fact]
    public void Predictions_AreATable()
    {
        KernelRegression model = KernelRegression.Fit(_x, _y, new() { Bandwidth = Bandwidth.Fixed(0.5) });
        string[] lines = model.Predict([2, 1234]).ToString().Split(Environment.NewLine);
        Assert.Equal(["query", "mean", "standard", "error", "lower", "upper"], Words(lines[0]));
        Assert.Equal(["0", "4.215"], Words(lines[1])[..2]);
        Assert.EndsWith("outside", lines[2], StringComparison.Ordinal);

        string many = model.Predict([.. Enumerable.Range(0, 100).Select(i => i / 25.0)], new() { HasErrors = false }).ToString();
        Assert.Equal(["query", "mean"], Words(many.Split(Environment.NewLine)[0]));
        Assert.EndsWith($"{Environment.NewLine}... and 88 more", many, StringComparison.Ordinal);
        Assert.Equal("query  mean", model.Predict([]).ToString()[..11]);
    }

    [Fact]
    public void DiagnosticsAndSearch_AreLines()
    {
        KernelRegression model = KernelRegression.Fit(_x, _y);
        Assert.Contains("effective degrees of freedom       ", model.Diagnostics.ToString(), StringComparison.Ordinal);
        Assert.Equal(7, model.Diagnostics.ToString().Split(Environment.NewLine).Length);
        Assert.StartsWith($"h = {model.Bandwidths[0]:G5} by loo, ", model.Search!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.000123456, "0.00012346")]
    [InlineData(-12345.67, "-12346")]
    [InlineData(123456.7, "123,457")]
    [InlineData(-1234567, "-1,234,567")]
    [InlineData(1e14, "100,000,000,000,000")]
    [InlineData(1.2e15, "1.2E+15")]
    [InlineData(1.23456e-7, "1.2346E-07")]
    [InlineData(0, "0")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    public void Numbers_AreOfFiveDigitsOrInGroups(double value, string expected) =>
        Assert.Equal(expected, TorchAttention.Numerics.Tables.ResultText.Short(value));

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
