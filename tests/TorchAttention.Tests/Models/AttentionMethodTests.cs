using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Models;

public sealed class AttentionMethodTests : IDisposable
{
    private readonly NonlinearData _data = new(n: 40, batchSize: 10, seed: 6);

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryMethod_TrainsToTheSame(bool leaveOneOut)
    {
        (double w, double[] predictions, double[] weights) = Train(AttentionMethod.Textbook);
        foreach (AttentionMethod method in new[] { AttentionMethod.Auto, AttentionMethod.Engine, AttentionMethod.Streaming })
        {
            (double otherW, double[] otherPredictions, double[] otherWeights) = Train(method);
            Assert.Equal(w, otherW, 1e-5);
            Assert.All(predictions.Zip(otherPredictions), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.All(weights.Zip(otherWeights), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.Equal(weights.Length, otherWeights.Length);
        }

        (double W, double[] Predictions, double[] Weights) Train(AttentionMethod method)
        {
            using DisposeScope scope = NewDisposeScope();
            using var data = new NonlinearData(n: 40, batchSize: 10, seed: 6);
            using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: leaveOneOut) { Method = method };
            new TorchAttention.Training.Trainer().Fit(model, data);
            double[] predictions = model.call(data.XVal).ToDoubles();
            return (model.W.ToDoubles()[0], predictions, model.AttentionWeights!.ToDoubles());
        }
    }

    [Fact]
    public void EveryMethod_PoolsTheSameWithoutLearning()
    {
        using DisposeScope scope = NewDisposeScope();
        using var textbook = new NonparametricAttentionPooling(_data.XTrain, _data.YTrain, 0.3) { Method = AttentionMethod.Textbook };
        double[] expected = textbook.call(_data.XVal).ToDoubles();
        foreach (AttentionMethod method in new[] { AttentionMethod.Auto, AttentionMethod.Engine, AttentionMethod.Streaming })
        {
            using var model = new NonparametricAttentionPooling(_data.XTrain, _data.YTrain, 0.3) { Method = method };
            Assert.All(expected.Zip(model.call(_data.XVal).ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.All(
                textbook.AttentionWeights!.ToDoubles().Zip(model.AttentionWeights!.ToDoubles()),
                pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        }
    }

    [Fact]
    public void EveryKernel_PoolsTheSameWithoutLearning()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor keys, Tensor values) = KernelModels.Data("relevance");
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            using var textbook = new NonparametricAttentionPooling(keys, values, 0.4, kernel) { Method = AttentionMethod.Textbook };
            using var engine = new NonparametricAttentionPooling(keys, values, 0.4, kernel) { Method = AttentionMethod.Engine };
            Tensor queries = keys.Times(1.5).Plus(0.01);
            double[] expected = textbook.call(queries).ToDoubles();
            Assert.All(expected.Zip(engine.call(queries).ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
            Assert.Equal(textbook.AttentionWeights!.ToDoubles(), engine.AttentionWeights!.ToDoubles());
        }
    }

    [Fact]
    public void TrainingStepOfManyExamples_MakesNoMatrix()
    {
        // As a matrix of float32 these weights would be 360 GB.
        const int Examples = 300_000;
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(1);
        Tensor x = rand(Examples, generator: generator).Times(5);
        Tensor y = x.sin();
        using var model = new NWKernelRegression(x, y, leaveOneOut: true);
        using (no_grad())
        {
            model.W.FillInPlace(2000);
        }

        Tensor loss = model.TrainingStep(new Batch(x, y, Numbers(Examples)));
        loss.backward();

        Assert.InRange(loss.ToDouble(), 0, 1e-6);
        Assert.NotEqual(0, model.W.grad!.ToDoubles()[0]);
    }

    [Fact]
    public void WOfEachKey_IsNotForTheStreamingForm()
    {
        using DisposeScope scope = NewDisposeScope();
        var options = new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 4 };
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain, options) { Method = AttentionMethod.Streaming };

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => model.call(_data.XVal));
        Assert.Equal("The method Streaming takes one w for all keys; with 40 of them use Textbook or Auto.", error.Message);
        model.Method = AttentionMethod.Auto;
        model.call(_data.XVal).CheckShape(_data.XVal.shape);
    }

    [Fact]
    public void HalfPrecision_IsForTheTextbookForm()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NonparametricAttentionPooling(_data.XTrain.to(ScalarType.BFloat16), _data.YTrain.to(ScalarType.BFloat16));

        Assert.Equal(ScalarType.BFloat16, model.call(_data.XVal.to(ScalarType.BFloat16)).dtype);
    }

    [Fact]
    public void WThatRanAway_IsSeenInTheLoss()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        using (no_grad())
        {
            model.W.FillInPlace(1e30);
        }

        Assert.Contains(model.call(_data.XVal).ToDoubles(), double.IsNaN);
    }
}
