using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Tests.OnePass;

/// <summary>What sums of moments leave open is settled by rows: those that are kept, and those that are read a second time.</summary>
public sealed class SecondPassTests
{
    // No other row is near, or a line beside its rows is steep: the bandwidth of memory, not that of an estimate.
    [Theory]
    [InlineData("lognormal", 0)]
    [InlineData("lognormal", 1)]
    [InlineData("heavy", 0)]
    [InlineData("heavy", 1)]
    public void RowsOfHeavyTails_NeedNoSecondPass(string kind, int degree)
    {
        (double[] x, double[] y) = Draw(kind, 20_000);
        MomentRegression model = Fit(x, y, degree);

        Assert.Null(model.StartSecondPass());
        Assert.True(model.Certificate.SettledRows > 0);
        IsThatOfMemory(x, y, model, 1e-9);
    }

    // Rows that are no large part of their cells have to be read again.
    [Theory]
    [InlineData("far row", 0, null)]
    [InlineData("far row", 1, null)]
    [InlineData("far duplicates", 1, null)]
    [InlineData("two gaps", 0, 0.02)]
    [InlineData("two gaps", 1, 0.02)]
    [InlineData("edge", 1, 0.004)]
    [InlineData("narrow", 1, 0.1)]
    [InlineData("two places", 1, 0.1)]
    [InlineData("places", 1, 0.1)]
    public void OpenRows_AreSettledByThoseReadAgain(string kind, int degree, double? bandwidth)
    {
        (double[] x, double[] y) = Draw(kind, 6_000);
        MomentRegression open = Fit(x, y, degree, bandwidth);
        Assert.False(open.Certificate.IsProved, $"{open.Certificate}");
        Assert.NotNull(open.StartSecondPass());
        MomentRegression settled = Settle(open, x, y);

        Assert.True(settled.Certificate.IsProved, $"{settled.Certificate}");
        Assert.True(settled.Certificate.SettledRows > 0);
        Assert.InRange(settled.Certificate.Bound / settled.Diagnostics.LeaveOneOutError, 0, 1e-9);
        IsThatOfMemory(x, y, settled, 1e-9);

        // The order of the rows is of no account.
        Assert.Equal(settled.Diagnostics, Settle(open, [.. x.Reverse()], [.. y.Reverse()]).Diagnostics with
        {
            ResidualStandardError = settled.Diagnostics.ResidualStandardError,
            RSquared = settled.Diagnostics.RSquared,
        });
    }

    [Theory]
    [InlineData("far row", 0)]
    [InlineData("far row", 1)]
    [InlineData("far duplicates", 1)]
    public void OpenRowsOfSeveralTargets_AreSettled(string kind, int degree)
    {
        (double[] x, double[] first) = Draw(kind, 6_000);
        double[] y = [.. x.Zip(first).SelectMany(pair => new[] { pair.Second, Math.Exp(pair.First) - (3 * pair.Second) })];
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, degree: degree));
        moments.Add(x, y);
        var open = MomentRegression.Fit(moments, new MomentOptions { Degree = degree });
        Assert.False(open.Certificate.IsProved, $"{open.Certificate}");
        Assert.Throws<ArgumentException>(() => open.StartSecondPass()!.Add(x, first));
        Assert.Throws<ArgumentException>(() => open.StartSecondPass()!.AddClasses(x, new string[x.Length]));
        MomentRegression settled = Settle(open, x, y);

        Assert.True(settled.Certificate.IsProved, $"{settled.Certificate}");
        var memory = KernelRegression.Fit(x, y, 1, new KernelRegressionOptions { Degree = degree, Bandwidth = settled.Bandwidth });
        double expected = memory.Diagnostics.LeaveOneOutError;
        Assert.InRange(settled.Certificate.Bound / expected, 0, 1e-9);
        Assert.Equal(expected, settled.Diagnostics.LeaveOneOutError, 1e-9 * expected);
    }

    [Fact]
    public void OpenRowsOfClasses_AreSettled()
    {
        (double[] x, double[] y) = Draw("far row", 6_000);
        string[] classes = [.. y.Select(value => value < 0.3 ? "low" : value < 0.8 ? "middle" : "high")];
        var moments = new Moments(MomentGrid.ChooseClasses(x, classes, x.Length));
        moments.AddClasses(x, classes);
        var open = MomentRegression.Fit(moments);
        Assert.False(open.Certificate.IsProved, $"{open.Certificate}");
        Assert.Throws<ArgumentException>(() => open.StartSecondPass()!.Add(x, y));
        Assert.Throws<RegressionDataException>(() => open.StartSecondPass()!.AddClasses(x, [.. classes.Select(_ => "other")]));
        MomentRegression settled = open;
        for (int passes = 0; passes < 3 && settled.StartSecondPass() is { } pass; passes++)
        {
            pass.AddClasses(x, classes);
            settled = settled.Settle(pass);
        }

        Assert.True(settled.Certificate.IsProved, $"{settled.Certificate}");
        var memory = KernelRegression.FitClasses(x, classes, 1, new KernelRegressionOptions { Degree = 0, Bandwidth = settled.Bandwidth });
        double expected = memory.Diagnostics.LeaveOneOutError;
        Assert.InRange(settled.Certificate.Bound / expected, 0, 1e-9);
        Assert.Equal(expected, settled.Diagnostics.LeaveOneOutError, 1e-9 * expected);
    }

    [Fact]
    public void ThousandProblems_AreWithinTheirBoundsOnceSettled()
    {
        int proved = 0;
        int problems = LongTests.AreAskedFor ? 1000 : 60;
        List<string> violated = [];
        for (int seed = 0; seed < problems; seed++)
        {
            int degree = seed / 10 % 2;
            MomentProblem problem = MomentProblem.Draw(seed);
            double[] weights = seed % 3 == 0 ? problem.Weights(seed, 3) : [];
            Moments moments = problem.Moments(problem.H, degree, weights);
            MomentRegression model = Settle(
                MomentRegression.Fit(moments, new MomentOptions { Degree = degree, Bandwidth = problem.H }), problem.X, problem.Y, weights);
            (double expected, _, _) = problem.Dense(problem.H, degree, weights.Length > 0 ? weights : null);
            proved += model.Certificate.IsProved ? 1 : 0;
            double error = Math.Abs(model.Diagnostics.LeaveOneOutError - expected);
            if (!(error <= model.Certificate.Bound + (2e-15 * expected)))
            {
                violated.Add($"{problem}, degree {degree}: {error:g3} beyond {model.Certificate}");
            }
        }

        Assert.Empty(violated);
        Assert.True(proved > 0.98 * problems, $"Only {proved} of {problems} were proved.");
    }

    // What is taken from rows one by one changes with the bandwidth as it says.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void SlopesOfSettledRows_AreThoseOfTheScores(int degree)
    {
        (double[] x, double[] y) = Draw("lognormal", 3_000);
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, 0.02, degree));
        moments.Add(x, y);
        var level = MomentLevel.Create(moments);
        MomentScore At(double at) => new MomentFit(level, at, degree, isCertified: false).Score(null, CancellationToken.None);
        foreach (double h in (double[])[0.02, 0.05])
        {
            const double Step = 1e-5;
            MomentScore here = At(h);
            MomentScore above = At(h * Math.Exp(Step));
            MomentScore below = At(h * Math.Exp(-Step));

            Assert.True(here.Settled > 0);
            Assert.Equal((above.LeaveOneOut - below.LeaveOneOut) / (2 * Step), here.LeaveOneOutByLog, 1e-5 * here.LeaveOneOut);
            Assert.Equal((above.Residual - below.Residual) / (2 * Step), here.ResidualByLog, 1e-5 * here.Residual);
            Assert.Equal((above.Trace - below.Trace) / (2 * Step), here.TraceByLog, 1e-5 * here.Trace);
        }
    }

    [Fact]
    public void RowsOfOtherData_AreRefused()
    {
        (double[] x, double[] y) = Draw("far row", 6_000);
        MomentRegression open = Fit(x, y, 0);
        SecondPass pass = open.StartSecondPass()!;
        Assert.InRange(pass.Rows, 32, 3000);
        Assert.InRange(pass.Intervals[^1].Most, 0.95, 1.1);
        pass.Add(x.AsSpan(3000), y.AsSpan(3000));
        RegressionDataException tooFew = Assert.Throws<RegressionDataException>(() => open.Settle(pass));
        Assert.Contains("the data has changed", tooFew.Message, StringComparison.Ordinal);
        Assert.Throws<RegressionDataException>(() => pass.Add(x, y));
    }

    private static MomentRegression Settle(MomentRegression model, double[] x, double[] y, double[]? weights = null)
    {
        for (int passes = 0; passes < 3 && model.StartSecondPass() is { } pass; passes++)
        {
            pass.Add(x, y, weights);
            Assert.Equal(pass.Rows, pass.Taken);
            model = model.Settle(pass);
        }

        return model;
    }

    private static MomentRegression Fit(double[] x, double[] y, int degree, double? bandwidth = null)
    {
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, bandwidth, degree));
        moments.Add(x, y);
        return MomentRegression.Fit(
            moments, bandwidth is double h ? new MomentOptions { Degree = degree, Bandwidth = h } : new MomentOptions { Degree = degree });
    }

    private static void IsThatOfMemory(double[] x, double[] y, MomentRegression model, double tolerance)
    {
        var memory = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = model.Degree, Bandwidth = model.Bandwidth });
        double expected = memory.Diagnostics.LeaveOneOutError;
        Assert.Equal(expected, model.Diagnostics.LeaveOneOutError, tolerance * expected);
        double trace = memory.Diagnostics.EffectiveDegreesOfFreedom;
        Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-6 * trace);
    }

    private static (double[] X, double[] Y) Draw(string kind, int n)
    {
        var random = new Random(21);
        double normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] x = [.. Enumerable.Range(0, n).Select(i => kind switch
        {
            "lognormal" => Math.Exp(normal()),
            "heavy" => normal() / Math.Pow(random.NextDouble() + 1e-3, 0.6),
            "far row" => i == n - 1 ? 2 : random.NextDouble(),
            "far duplicates" => i >= n - 40 ? 2 : random.NextDouble(),
            "two gaps" => i == 0 ? 0.5 : random.NextDouble() is var u && u < 0.5 ? 0.6 * u : 0.4 + (0.6 * u),
            "edge" => i % 100 == 0 ? 1 + (3 * random.NextDouble()) : random.NextDouble(),
            "narrow" => random.Next(3) + (0.001 * normal()),
            "two places" => i % 2,
            "places" => random.Next(4),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        })];
        return (x, [.. x.Select(at => Math.Sin(3 * at) + (0.3 * normal()))]);
    }
}
