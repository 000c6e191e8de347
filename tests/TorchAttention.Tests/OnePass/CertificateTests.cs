using TorchAttention.Numerics.OnePass;

namespace TorchAttention.Tests.OnePass;

/// <summary>What moments say of a bandwidth is within the bound that they give, whatever the rows.</summary>
public sealed class CertificateTests
{
    private static readonly int[] _cellsInBandwidth = [-2, -1, 0, 1];

    private static int Problems => LongTests.AreAskedFor ? 1000 : 120;

    // What the sums pair by pair are themselves off by.
    private const double OfDense = 2e-15;

    [Fact]
    public void LeaveOneOutErrorOfAnyRows_IsWithinItsBound()
    {
        List<string> violated = [];
        int proved = 0;
        foreach ((MomentProblem problem, MomentRegression model, double expected) in Fits())
        {
            Certificate said = model.Certificate;
            if (!said.IsProved)
            {
                continue;
            }

            proved++;
            double error = Math.Abs(model.Diagnostics.LeaveOneOutError - expected);
            if (!(error <= said.Bound + (OfDense * expected)))
            {
                violated.Add($"{problem}: {error:g3} beyond {said}");
            }
        }

        Assert.Empty(violated);
        Assert.True(proved > 0.6 * Problems, $"Only {proved} of {Problems} were proved.");
    }

    // Weights over so many orders of ten; none where there is no number of them.
    [Theory]
    [InlineData(1, null)]
    [InlineData(0, 2.0)]
    [InlineData(0, 8.0)]
    [InlineData(1, 2.0)]
    [InlineData(1, 6.0)]
    public void LeaveOneOutErrorOfLinesAndWeights_IsWithinItsBound(int degree, double? orders)
    {
        List<string> violated = [];
        int proved = 0;
        int problems = orders is null ? Problems : Problems / 2;
        for (int seed = 0; seed < problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            double[]? weights = orders is double over ? problem.Weights(seed, over) : null;
            MomentRegression model = Fit(problem, CellOf(seed, problem), degree, weights);
            Certificate said = model.Certificate;
            if (!said.IsProved)
            {
                continue;
            }

            proved++;
            (double expected, double trace, _) = problem.Dense(problem.H, degree, weights);
            double error = Math.Abs(model.Diagnostics.LeaveOneOutError - expected);
            if (!(error <= said.Bound + (OfDense * expected)))
            {
                violated.Add($"{problem}: {error:g3} beyond {said}");
            }

            Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-7 * trace);
        }

        Assert.Empty(violated);
        Assert.True(proved > 0.5 * problems, $"Only {proved} of {problems} were proved.");
    }

    // Two columns of values, and three classes, each of which is a column of 0 and 1: the sum of their errors, and of their bounds.
    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(true, 2.0)]
    public void LeaveOneOutErrorOfColumnsAndClasses_IsWithinItsBound(bool areClasses, double? orders)
    {
        List<string> violated = [];
        int proved = 0;
        int problems = Problems / 4;
        for (int seed = 0; seed < problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            int n = problem.X.Length;
            double[] sorted = [.. problem.Y.Order()];
            string[] labels = [.. problem.Y.Select(y => y < sorted[n / 2] ? "low" : y < sorted[n - (n / 20)] ? "high" : "top")];
            double[][] columns = areClasses
                ? [.. labels.Distinct().Select(name => labels.Select(label => label == name ? 1.0 : 0).ToArray())]
                : [problem.Y, [.. problem.Y.Select((y, i) => Math.Abs(y) + (i % 7))]];
            double[] weights = orders is double over ? problem.Weights(seed, over) : [];
            double[] y = [.. Enumerable.Range(0, n).SelectMany(i => columns.Select(column => column[i]))];
            double cell = CellOf(seed, problem);
            var moments = new Moments(areClasses ? MomentGrid.ChooseClasses(problem.X, labels, n, cell, weights)
                : MomentGrid.Choose(problem.X, y, n, cell, 0, weights));
            if (areClasses)
            {
                moments.AddClasses(problem.X, labels, weights);
            }
            else
            {
                moments.Add(problem.X, y, weights);
            }

            var model = MomentRegression.Fit(moments, new MomentOptions { Bandwidth = problem.H });
            Certificate said = model.Certificate;
            if (!said.IsProved)
            {
                continue;
            }

            proved++;
            double[] each = weights.Length > 0 ? weights : [.. problem.X.Select(_ => 1.0)];
            double expected = columns.Sum(column => (problem with { Y = column }).Dense(problem.H, 0, each).LeaveOneOut);
            double error = Math.Abs(model.Diagnostics.LeaveOneOutError - expected);
            if (!(error <= said.Bound + (OfDense * expected)))
            {
                violated.Add($"{problem}: {error:g3} beyond {said}");
            }
        }

        Assert.Empty(violated);
        Assert.True(proved > 0.5 * problems, $"Only {proved} of {problems} were proved.");
    }

    // A bound that holds without one of its parts has a part too many.
    [Fact]
    public void BoundWithoutAPart_DoesNotHold()
    {
        int withoutTruncation = 0;
        int withoutRows = 0;
        foreach ((_, MomentRegression model, double expected) in Fits().Where(fit => fit.Model.Certificate.IsProved))
        {
            double error = Math.Abs(model.Diagnostics.LeaveOneOutError - expected) - (OfDense * expected);
            Certificate said = model.Certificate;
            withoutTruncation += error > said.Bound - said.Truncation - said.Propagation ? 1 : 0;
            withoutRows += error > said.Bound - said.KeptRows ? 1 : 0;
        }

        Assert.True(withoutTruncation > 0 && withoutRows > 0, $"{withoutTruncation} and {withoutRows} violations.");
    }

    [Theory]
    [InlineData("uniform")]
    [InlineData("lognormal")]
    [InlineData("ties")]
    [InlineData("offset")]
    public void BoundOfOrdinaryRows_IsSmall(string kind)
    {
        for (int seed = Array.IndexOf(MomentProblem.Kinds, kind); seed < Problems; seed += MomentProblem.Kinds.Length)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            MomentRegression model = Fit(problem, problem.H);
            if (model.Certificate.IsProved)
            {
                Assert.InRange(model.Certificate.Bound / model.Diagnostics.LeaveOneOutError, 0, 1e-6);
            }
        }
    }

    [Fact]
    public void CellsWiderThanTwoBandwidths_SayThatTheyKnowLess()
    {
        MomentProblem problem = MomentProblem.Draw(0);
        Certificate narrow = Fit(problem, problem.H).Certificate;
        Certificate wide = Fit(problem, 4 * problem.H).Certificate;

        Assert.True(wide.Truncation + wide.Propagation > 1e3 * (narrow.Truncation + narrow.Propagation), $"{narrow} and {wide}.");
    }

    [Fact]
    public void DegreesOfFreedomAndResiduals_AreThoseOfPairs()
    {
        for (int seed = 0; seed < Problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            (_, double trace, double meanSquare) = problem.Dense(problem.H);
            MomentRegression model = Fit(problem, problem.H);

            Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-9 * trace);
            double n = problem.X.Length;
            double mean = model.Diagnostics.GCV * Math.Pow(1 - (model.Diagnostics.EffectiveDegreesOfFreedom / n), 2);
            if (trace < 0.9 * n)
            {
                Assert.Equal(meanSquare, mean, 1e-8 * Math.Max(meanSquare, 1e-20));
            }
        }
    }

    private static IEnumerable<(MomentProblem Problem, MomentRegression Model, double Expected)> Fits()
    {
        for (int seed = 0; seed < Problems; seed++)
        {
            MomentProblem problem = MomentProblem.Draw(seed);
            (double expected, _, _) = problem.Dense(problem.H);
            yield return (problem, Fit(problem, CellOf(seed, problem)), expected);
        }
    }

    private static double CellOf(int seed, MomentProblem problem) =>
        Math.ScaleB(problem.H, _cellsInBandwidth[seed / MomentProblem.Kinds.Length % _cellsInBandwidth.Length]);

    private static MomentRegression Fit(MomentProblem problem, double cellWidth, int degree = 0, double[]? weights = null) =>
        MomentRegression.Fit(problem.Moments(cellWidth, degree, weights), new MomentOptions { Degree = degree, Bandwidth = problem.H });
}
