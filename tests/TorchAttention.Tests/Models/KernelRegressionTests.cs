using TorchAttention.Data;
using TorchAttention.Models;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Models;

public sealed class KernelRegressionTests : IDisposable
{
    private readonly NonlinearData _data = new(n: 30, batchSize: 7, seed: 5);

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GradientOfW_IsTheDifferenceQuotient(bool leaveOneOut)
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain, leaveOneOut: leaveOneOut);
        AssertGradient(model);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GradientOfRegionalW_IsTheDifferenceQuotient(bool leaveOneOut)
    {
        using NWKernelRegression model = Regional(_data.XTrain, _data.YTrain, regions: 4, leaveOneOut);
        AssertGradient(model);
    }

    [Fact]
    public void PredictWithout_IsThePredictionWithThePairRemoved()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain, leaveOneOut: true);
        using DisposeScope scope = NewDisposeScope();
        Tensor indices = tensor([0L, 11L, 29L]);

        double[] predicted = model.PredictWithout(new Batch(_data.XTrain[indices], _data.YTrain[indices], indices)).ToDoubles();

        Assert.Equal([3, 29], model.AttentionWeights!.shape);
        foreach ((int place, long index) in indices.data<long>().ToArray().Index())
        {
            Tensor others = Numbers(30);
            others = others[others.not_equal(index)];
            using var without = new NWKernelRegression(_data.XTrain[others], _data.YTrain[others]);
            Assert.Equal(without.call(_data.XTrain[index].unsqueeze(0)).ToDouble(), predicted[place], 1e-6);
        }
    }

    [Fact]
    public void OneRegion_IsTheChaptersModel()
    {
        using var single = new NWKernelRegression(_data.XTrain, _data.YTrain);
        using NWKernelRegression regional = Regional(_data.XTrain, _data.YTrain, regions: 1);
        new TorchAttention.Training.Trainer().Fit(single, _data);
        using var again = new NonlinearData(n: 30, batchSize: 7, seed: 5);
        new TorchAttention.Training.Trainer().Fit(regional, again);

        Assert.Equal(single.W.ToDoubles()[0], regional.W.ToDoubles()[0], 1e-5);
    }

    [Fact]
    public void Regions_HaveEqualCountsFromLowToHigh()
    {
        using DisposeScope scope = NewDisposeScope();
        using NWKernelRegression model = Regional(tensor([5f, 1f, 3f, 2f, 4f, 0f]), zeros(6), regions: 3);

        Assert.Equal([2L, 0L, 1L, 1L, 2L, 0L], model.Regions!.data<long>().ToArray());
    }

    [Fact]
    public void State_IsWKeysAndValuesButNotTheLastWeights()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        Assert.Null(model.AttentionWeights);
        model.call(_data.XVal).Dispose();

        model.AttentionWeights!.CheckShape(30, 30);
        Assert.Equal(["keys", "values", "w"], model.state_dict().Keys.Order());
    }

    [Fact]
    public void SavedState_PredictsTheSameAfterLoading()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        new TorchAttention.Training.Trainer().Fit(model, _data);
        using var other = new NWKernelRegression(zeros(30), zeros(30));
        string file = Path.GetTempFileName();
        try
        {
            model.save(file);
            other.load(file);
        }
        finally
        {
            File.Delete(file);
        }

        Assert.Equal(model.call(_data.XVal).ToDoubles(), other.call(_data.XVal).ToDoubles());
    }

    [Fact]
    public void To_MovesParametersKeysAndValues()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        model.to(ScalarType.Float64);

        using Tensor queries = _data.XVal.to(ScalarType.Float64);
        Assert.Equal(ScalarType.Float64, model.call(queries).dtype);
        Assert.Equal(ScalarType.Float64, model.W.dtype);
    }

    [Fact]
    public void AveragePooling_RepeatsTheMean()
    {
        using var model = new AveragePooling(_data.YTrain);
        double[] predicted = model.call(_data.XVal).ToDoubles();

        Assert.Equal(30, predicted.Length);
        Assert.All(predicted, value => Assert.Equal(_data.YTrain.ToDoubles().Average(), value, 1e-6));
    }

    [Fact]
    public void Bandwidth_DividesTheDistance()
    {
        using DisposeScope scope = NewDisposeScope();
        using var narrow = new NonparametricAttentionPooling(_data.XTrain, _data.YTrain, bandwidth: 0.25);
        using var scaled = new NonparametricAttentionPooling(_data.XTrain.Times(4), _data.YTrain, bandwidth: 1);

        Assert.All(
            narrow.call(_data.XVal).ToDoubles().Zip(scaled.call(_data.XVal.Times(4)).ToDoubles()), pair =>
                Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void Loss_IsHalfTheMeanSquare()
    {
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        Assert.Equal((1 + 9) / 4.0, model.Loss(tensor([1f, 2f]), tensor([2f, 5f])).ToDouble(), 1e-7);
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Contains(
            "got 0", Assert.Throws<ArgumentOutOfRangeException>(() => new NWKernelRegression(zeros(3), zeros(3), lr: 0)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got NaN",
            Assert.Throws<ArgumentOutOfRangeException>(() => new NonparametricAttentionPooling(zeros(3), zeros(3), double.NaN)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "1 to 3 regions, got 4",
            Assert.Throws<ArgumentOutOfRangeException>(() => Regional(zeros(3), zeros(3), 4)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "at least 2", Assert.Throws<ArgumentException>(() => new NWKernelRegression(zeros(1), zeros(1), leaveOneOut: true)).Message,
            StringComparison.Ordinal);
    }

    private static NWKernelRegression Regional(Tensor keys, Tensor values, int regions, bool leaveOneOut = false) =>
        new(keys, values, new() { Widths = KernelWidths.PerRegion, Regions = regions, LeaveOneOut = leaveOneOut });

    private void AssertGradient(NWKernelRegression model)
    {
        const double step = 1e-5;
        model.to(ScalarType.Float64);
        using DisposeScope scope = NewDisposeScope();
        Tensor indices = tensor([0L, 3L, 8L, 14L, 22L, 29L]);
        var batch = new Batch(_data.XTrain[indices].to(ScalarType.Float64), _data.YTrain[indices].to(ScalarType.Float64), indices);
        Parameter parameter = (Parameter)model.parameters().Single();

        model.TrainingStep(batch).backward();
        double[] gradient = parameter.grad!.ToDoubles();

        using IDisposable noGradients = no_grad();
        for (int i = 0; i < gradient.Length; i++)
        {
            double Loss(double change)
            {
                parameter[i].AddInPlace(change);
                double loss = model.TrainingStep(batch).ToDouble();
                parameter[i].AddInPlace(-change);
                return loss;
            }

            Assert.Equal((Loss(step) - Loss(-step)) / (2 * step), gradient[i], 1e-6 * Math.Max(1, Math.Abs(gradient[i])));
            Assert.NotEqual(0, gradient[i]);
        }
    }
}
