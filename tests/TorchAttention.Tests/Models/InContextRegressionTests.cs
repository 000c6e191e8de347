using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Tests.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

[Collection(nameof(TorchsGenerator))]
public sealed class InContextRegressionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Shapes_AreThoseOfQueriesAndKeys(int features)
    {
        using InContextRegression model = Create(features, out Batch batch);
        Assert.Null(model.AttentionWeights);
        model.call(batch.X).CheckShape(7);
        Assert.Equal([2, 7, 50], model.AttentionWeights!.shape);
        Assert.All(model.AttentionWeights!.sum(dim: -1).reshape(-1).ToDoubles(), sum => Assert.Equal(1, sum, 1e-12));
        model.PredictWithout(batch).CheckShape(7);
        Assert.Equal([2, 7, 49], model.AttentionWeights!.shape);
        Assert.All(model.AttentionWeights!.sum(dim: -1).reshape(-1).ToDoubles(), sum => Assert.Equal(1, sum, 1e-12));
        Assert.Empty(model.LearnedNumbers());
    }

    // Means and deviations of the others alone would differ, so the one pair is made another and nothing may change.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void PredictWithout_NeverSeesTheOwnPair(int features)
    {
        using InContextRegression model = Create(features, out Batch batch);
        model.eval();
        double[] without = model.PredictWithout(batch).ToDoubles();
        Tensor values = model.state_dict()["values"];
        foreach ((int place, long index) in batch.Indices.data<long>().ToArray().Index())
        {
            double own = values[index].ToDouble();
            values[index].FillInPlace(1000);
            double[] now = model.PredictWithout(batch).ToDoubles();
            Assert.Equal(without[place], now[place]);
            Assert.NotEqual(without[(place + 1) % 7], now[(place + 1) % 7]);
            values[index].FillInPlace(own);
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public void Gradients_AreTheDifferenceQuotients(double vary)
    {
        const double Step = 1e-6;
        using InContextRegression model = Create(2, out Batch batch, vary);
        Loss().backward();
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in model.named_parameters())
        {
            double[] gradient = parameter.grad!.reshape(-1).ToDoubles();
            for (int i = 0; i < gradient.Length; i += Math.Max(1, gradient.Length / 2))
            {
                double slope = (At(i, Step) - At(i, -Step)) / (2 * Step);
                Assert.True(Math.Abs(slope - gradient[i]) < 1e-7 * (1 + Math.Abs(slope)), $"{name}: {gradient[i]} for {slope}");
            }

            double At(int element, double step)
            {
                using IDisposable noGradients = no_grad();
                Tensor flat = parameter.view(-1);
                flat[element].AddInPlace(step);
                double loss = Loss().ToDouble();
                flat[element].AddInPlace(-step);
                return loss;
            }
        }

        Tensor Loss()
        {
            using Generator drawn = manual_seed(3);
            return model.TrainingStep(batch);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void PredictionsAndGradients_AreTheSameOnEveryDevice(string device)
    {
        double[] expected = Run("cpu");
        Assert.All(expected.Zip(Run(device)), pair => Assert.Equal(pair.First, pair.Second, 1e-10));

        double[] Run(string name)
        {
            (Tensor x, Tensor y) = AttentionRegressionTests.Data(2);
            Device place = ComputeDevice.Parse(name);
            (x, y) = (x.to(place), y.to(place));
            using var model = new InContextRegression(x, y, new() { Vary = 0, Seed = 3 });
            model.TrainingStep(new Batch(x, y, Numbers(50, device: place))).backward();
            return [.. model.call(x).ToDoubles(), .. model.parameters().SelectMany(part => part.grad!.reshape(-1).ToDoubles())];
        }
    }

    [Fact]
    public void OtherTargets_AreOfTrainingAlone()
    {
        using InContextRegression model = Create(1, out Batch batch);
        Assert.NotEqual(model.PredictWithout(batch).ToDoubles(), model.PredictWithout(batch).ToDoubles());
        model.eval();
        Assert.Equal(model.PredictWithout(batch).ToDoubles(), model.PredictWithout(batch).ToDoubles());
        Assert.Equal(model.call(batch.X).ToDoubles(), model.call(batch.X).ToDoubles());
    }

    // Whatever the units are, the model is the same in them.
    [Fact]
    public void Units_AreTheKeysAndTheValuesOwn()
    {
        (Tensor x, Tensor y) = AttentionRegressionTests.Data(2);
        using var model = new InContextRegression(x, y, new() { Seed = 2 });
        using var other = new InContextRegression(x.Times(1000).Plus(5), y.Times(0.01).Minus(3), new() { Seed = 2 });
        double[] expected = model.call(x).Times(0.01).Minus(3).ToDoubles();
        Assert.All(expected.Zip(other.call(x.Times(1000).Plus(5)).ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    [Fact]
    public void ColumnThatNeverChanges_IsNoProblem()
    {
        using var model = new InContextRegression(ones(5, 2), ones(5), new() { Seed = 2 });
        Assert.All(model.call(ones(3, 2)).ToDoubles(), number => Assert.True(double.IsFinite(number)));
    }

    [Fact]
    public void Training_FindsTheCurveAndNotTheNoise()
    {
        LongTests.SkipUnlessAskedFor();
        using var data = new NonlinearData(seed: 4);
        using var model = new InContextRegression(data.XTrain, data.YTrain, new() { Seed = 1 });
        double last = double.NaN;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 100, Seed = 5 });
        trainer.EpochCompleted += (_, e) => last = e.ValLoss;
        trainer.Fit(model, data);

        // The mean of the targets has a loss of 0.66, the noise's half variance is 0.125.
        Assert.InRange(last, 0, 0.1);
        model.eval();
        Tensor residuals = model.PredictWithout(new Batch(data.XTrain, data.YTrain, Numbers(50))) - data.YTrain;
        Assert.InRange(residuals.Squared().mean().ToDouble(), 0.15, 0.5);
    }

    [Fact]
    public void Seed_DecidesTheRun()
    {
        Assert.Equal(Parameters(7), Parameters(7));
        Assert.NotEqual(Parameters(7), Parameters(8));

        static double[] Parameters(ulong seed)
        {
            using var data = new NonlinearData(n: 20, seed: 4);
            using var model = new InContextRegression(data.XTrain, data.YTrain, new() { Seed = seed });
            new Trainer(new TrainerOptions { MaxEpochs = 2, Seed = seed }).Fit(model, data);
            return [.. model.parameters().SelectMany(parameter => parameter.reshape(-1).ToDoubles())];
        }
    }

    [Fact]
    public void Defaults_AreDocumented()
    {
        var options = new InContextRegressionOptions();
        Assert.Equal((32, 4, 1, 1.0), (options.Hidden, options.Heads, options.Blocks, options.Vary));
        Assert.Equal((0.01, 0UL), (options.LearningRate, options.Seed));
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Refused("multiple of 3 heads, got 32", () => Create(new() { Heads = 3 }));
        Refused("at least 1, got 0", () => Create(new() { Hidden = 0 }));
        Refused("Expected 1 to 64 blocks, got 65", () => Create(new() { Blocks = 65 }));
        Refused("at least 0, got -1", () => Create(new() { Vary = -1 }));
        Refused("got NaN", () => Create(new() { LearningRate = double.NaN }));
        Refused("as many values as keys (3), got 2", () => new InContextRegression(zeros(3), zeros(2)));
        Refused("got Float32 and Float64", () => new InContextRegression(zeros(3), zeros(3, ScalarType.Float64)));
        Refused("at least 2", () => new InContextRegression(zeros(1), zeros(1)));
        Refused(
            "Expected queries (m, 2) for keys (3, 2), got shape (4).", () => new InContextRegression(zeros(3, 2), zeros(3)).call(zeros(4)));

        static InContextRegression Create(InContextRegressionOptions options) => new(zeros(3), zeros(3), options);
        static void Refused(string message, Func<object> create) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(create).Message, StringComparison.Ordinal);
    }

    private static InContextRegression Create(int features, out Batch batch, double vary = 1)
    {
        (Tensor x, Tensor y) = AttentionRegressionTests.Data(features);
        Tensor indices = tensor([0L, 3L, 8L, 14L, 22L, 29L, 49L]);
        batch = new Batch(x[indices], y[indices], indices);
        return new InContextRegression(x, y, new() { Hidden = 6, Heads = 2, Blocks = 2, Vary = vary, Seed = 5 });
    }
}
