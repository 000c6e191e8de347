using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Regression;

public sealed class GroupedRegressionTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
    private readonly string[] _groups;
    private readonly double[] _x;
    private readonly double[] _y;

    public GroupedRegressionTests()
    {
        var random = new Random(3);
        _x = [.. Enumerable.Range(0, 90).Select(_ => random.NextDouble())];
        _groups = [.. _x.Select((_, i) => i % 3 == 0 ? "b" : "a")];
        _y = [.. _x.Select((x, i) => Math.Sin((_groups[i] == "a" ? 6 : 3) * x) + (0.1 * random.NextDouble()))];
    }

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void EachGroup_IsFittedToItsExamplesAlone()
    {
        var options = new KernelRegressionOptions { Degrees = [1, 2] };
        GroupedRegression model = GroupedRegression.Fit(_groups, _x, _y, 1, options);
        int[] rows = [.. Enumerable.Range(0, _x.Length).Where(i => _groups[i] == "b")];
        KernelRegression alone = KernelRegression.Fit([.. rows.Select(i => _x[i])], [.. rows.Select(i => _y[i])], options);
        Assert.Equal(["a", "b"], model.Groups);
        Assert.Equal([.. alone.Bandwidths], model["b"].Bandwidths.ToArray());
        Predictions at = model.Predict(["b", "a", "b"], [0.2, 0.3, 0.4]);
        Assert.Equal(alone.Predict([0.2, 0.4]).Mean, new[] { at.Mean[0], at.Mean[2] });
        Assert.Equal(model["a"].Predict([0.3]).Upper[0], at.Upper[1]);
        double[] squares = [.. model.Groups.Select(name => model[name].Diagnostics.LeaveOneOutError * model[name].Count)];
        Assert.Equal(squares.Sum() / 90, model.LeaveOneOutError, 1e-12);
    }

    [Fact]
    public void ASharedBandwidth_HasTheLeastErrorOverAllGroups()
    {
        GroupedRegression shared = GroupedRegression.Fit(_groups, _x, _y, 1, null, GroupBandwidths.Shared);
        double h = shared["a"].Bandwidths[0];
        Assert.Equal(h, shared["b"].Bandwidths[0]);
        GroupedRegression own = GroupedRegression.Fit(_groups, _x, _y, 1);
        Assert.InRange(h, own["a"].Bandwidths[0], own["b"].Bandwidths[0]);
        Assert.All([0.9, 0.99, 1.01, 1.1], factor => Assert.True(
            GroupedRegression.Fit(_groups, _x, _y, 1, new KernelRegressionOptions { Bandwidth = h * factor }).LeaveOneOutError
                >= shared.LeaveOneOutError));
    }

    [Fact]
    public void ALoadedModel_PredictsTheSame()
    {
        double[] weights = [.. _x.Select((_, i) => _groups[i] == "a" ? 1.0 + (i % 4) : 2)];
        string[] groups = ["only", .. _groups[1..]];
        GroupedRegression model = GroupedRegression.Fit(
            groups, _x, _y, 1, new KernelRegressionOptions { Degrees = [1, 2] }, GroupBandwidths.Own, weights);
        model.Save(_file, new Dictionary<string, string> { ["by"] = "g" });
        (GroupedRegression again, IReadOnlyDictionary<string, string> notes) = GroupedRegression.Load(_file);
        Assert.Equal("g", notes["by"]);
        Assert.Equal(model.WithoutCurve, again.WithoutCurve);
        Assert.Equal(new GroupWithoutCurve("only", 1, "fewer than 3 rows"), Assert.Single(again.WithoutCurve));
        Predictions before = model.Predict(["a", "b"], [0.2, 0.7]);
        Predictions after = again.Predict(["a", "b"], [0.2, 0.7]);
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.Lower, after.Lower);
        Assert.Equal(model.LeaveOneOutError, again.LeaveOneOutError);
        Assert.Equal(StorageProblem.OtherModel, Assert.Throws<StorageException>(() => KernelRegression.Load(_file)).Kind);
    }

    [Fact]
    public void AGroupWithoutACurve_IsNamed()
    {
        GroupedRegression model = GroupedRegression.Fit(["only", .. _groups[1..]], _x, _y, 1);
        Assert.Contains("got 'only', which has none (fewer than 3 rows)",
            Assert.Throws<ArgumentException>(() => model.Predict(["only"], [0.1])).Message, StringComparison.Ordinal);
        Assert.Contains(
            "one of the model's 2 groups", Assert.Throws<KeyNotFoundException>(() => model["c"]).Message, StringComparison.Ordinal);
        Assert.Throws<RegressionDataException>(() => GroupedRegression.Fit(["a", "b"], [1, 2], [3, 4], 1));
        Assert.Throws<ArgumentException>(() => GroupedRegression.Fit(["a"], [1, 2], [3, 4], 1));
        Assert.Throws<ArgumentException>(() => GroupedRegression.Fit(
            _groups, _x, _y, 1, new KernelRegressionOptions { Bandwidth = Bandwidth.AICc }, GroupBandwidths.Shared));
    }

    [Fact]
    public void OneGroup_IsEvaluatedAsAllRows()
    {
        string[] one = [.. _groups.Select(_ => "all")];
        var options = new KernelRegressionOptions { Bandwidth = 0.1 };
        GroupedEvaluation found = GroupedEvaluation.CrossValidate(one, _x, _y, 1, options);
        RegressionEvaluation expected = Evaluation.CrossValidate(_x, _y, 1, options);
        Assert.Equal(expected.RootMeanSquaredError, found.RootMeanSquaredError, 1e-12);
        Assert.Equal(expected.RSquared, found.RSquared, 1e-12);
        Assert.Equal(expected.MeanAbsoluteError, found.MeanAbsoluteError, 1e-12);
        Assert.Equal(found.RootMeanSquaredError, Assert.Single(found.Groups).RootMeanSquaredError, 1e-12);
    }

    [Fact]
    public void Comparing_IsOfTheSameExamples()
    {
        double[] weights = [.. _x.Select((_, i) => 1.0 + (i % 3))];
        var narrow = new KernelRegressionOptions { Bandwidth = 0.1 };
        KernelRegressionOptions wide = narrow with { Bandwidth = 0.3 };
        string[] one = [.. _groups.Select(_ => "all")];
        MeanWithError expected = Evaluation.CrossValidate(_x, _y, 1, wide, weights: weights)
            .ExcessOver(Evaluation.CrossValidate(_x, _y, 1, narrow, weights: weights));
        GroupedEvaluation found = GroupedEvaluation.CrossValidate(one, _x, _y, 1, wide, weights: weights);
        MeanWithError excess = found.ExcessOver(GroupedEvaluation.CrossValidate(one, _x, _y, 1, narrow, weights: weights));
        Assert.Equal(expected.Value, excess.Value, 1e-12);
        Assert.Equal(expected.StandardError, excess.StandardError, 1e-12);
        Assert.Equal(Math.Pow(found.RootMeanSquaredError, 2), found.MeanLoss.Value, 1e-12);

        // Of two groups, each row's loss is that of its own group's curve.
        GroupedEvaluation both = GroupedEvaluation.CrossValidate(_groups, _x, _y, 1, narrow, folds: _x.Length);
        for (int i = 0; i < _x.Length; i++)
        {
            int[] others = [.. Enumerable.Range(0, _x.Length).Where(j => j != i && _groups[j] == _groups[i])];
            double[] kernel = [.. others.Select(j => Math.Exp(-Math.Pow((_x[j] - _x[i]) / 0.1, 2) / 2))];
            double mean = others.Zip(kernel).Sum(pair => pair.Second * _y[pair.First]) / kernel.Sum();
            Assert.Equal(Math.Pow(_y[i] - mean, 2), both.Losses[i], 1e-12);
        }

        Assert.Throws<ArgumentException>(() => found.ExcessOver(both));
    }
}
