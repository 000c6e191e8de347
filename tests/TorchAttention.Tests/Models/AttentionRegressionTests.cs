using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Tests.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

public sealed class AttentionRegressionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<AttentionScore, int> Models =>
        new(Enum.GetValues<AttentionScore>().SelectMany(score => new[] { (score, 1), (score, 2) }));

    public static TheoryData<AttentionScore> Scores => [.. Enum.GetValues<AttentionScore>()];

    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public void Shapes_AreThoseOfQueriesAndKeys(AttentionScore score, int features)
    {
        using AttentionRegression model = Create(score, features, leaveOneOut: true, out Batch batch);
        long[] heads = score == AttentionScore.MultiHead ? [2] : [];
        Assert.Null(model.AttentionWeights);

        model.call(batch.X).CheckShape(7);
        Tensor weights = model.AttentionWeights!;
        Assert.Equal([.. heads, 7, 50], weights.shape);
        Assert.All(weights.sum(dim: -1).reshape(-1).ToDoubles(), sum => Assert.Equal(1, sum, 1e-12));
        model.PredictWithout(batch).CheckShape(7);
        Assert.Equal([.. heads, 7, 49], model.AttentionWeights!.shape);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_AreTheDifferenceQuotients(AttentionScore score, int features)
    {
        const double Step = 1e-6;
        foreach (bool leaveOneOut in new[] { false, true })
        {
            using AttentionRegression model = Create(score, features, leaveOneOut, out Batch batch);
            model.TrainingStep(batch).backward();
            foreach ((string name, TorchSharp.Modules.Parameter parameter) in model.named_parameters())
            {
                double[] gradient = parameter.grad!.reshape(-1).ToDoubles();
                Assert.True(gradient.Any(slope => Math.Abs(slope) > 1e-7), name);
                for (int i = 0; i < gradient.Length; i += Math.Max(1, gradient.Length / 4))
                {
                    double slope = (At(i, Step) - At(i, -Step)) / (2 * Step);
                    Assert.Equal(slope, gradient[i], 1e-7 * (1 + Math.Abs(slope)));
                }

                double At(int element, double step)
                {
                    using IDisposable noGradients = no_grad();
                    Tensor flat = parameter.view(-1);
                    flat[element].AddInPlace(step);
                    double loss = model.TrainingStep(batch).ToDouble();
                    flat[element].AddInPlace(-step);
                    return loss;
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void PredictWithout_IsThePredictionWithThePairRemoved(AttentionScore score, int features)
    {
        using AttentionRegression model = Create(score, features, leaveOneOut: true, out Batch batch);
        double[] without = model.PredictWithout(batch).ToDoubles();
        double[] weights = model.AttentionWeights!.reshape(-1, 7, 49).select(0, 0).reshape(-1).ToDoubles();
        (Tensor x, Tensor y) = Data(features);
        foreach ((int place, long index) in batch.Indices.data<long>().ToArray().Index())
        {
            Tensor others = Numbers(x.shape[0]);
            others = others[others.not_equal(index)];
            using var rest = new AttentionRegression(x[others], y[others], model.Options);
            Assert.Equal(rest.call(x[index].unsqueeze(0)).ToDouble(), without[place], 1e-12);
            Assert.Equal(
                rest.AttentionWeights!.reshape(-1, 49)[0].ToDoubles(), weights[(place * 49)..((place + 1) * 49)],
                (a, b) => Math.Abs(a - b) < 1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(Scores))]
    public void Training_FindsTheCurve(AttentionScore score)
    {
        using var data = new NonlinearData(seed: 4);
        using var model = new AttentionRegression(
            data.XTrain, data.YTrain, new() { Score = score, LeaveOneOut = score != AttentionScore.MultiHead, Seed = 1 });
        double last = double.NaN;
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 150 });
        trainer.EpochCompleted += (_, e) => last = e.ValLoss;
        trainer.Fit(model, data);

        // The mean of the targets has a loss of 0.66, the noise's half variance is 0.125.
        Assert.InRange(last, 0, 0.1);
        Assert.Empty(model.LearnedNumbers());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Predictions_AreTheSameOnEveryDevice(string device)
    {
        foreach (AttentionScore score in Enum.GetValues<AttentionScore>())
        {
            double[] expected = Predict("cpu");
            Assert.All(expected.Zip(Predict(device)), pair => Assert.Equal(pair.First, pair.Second, 1e-10));

            double[] Predict(string name)
            {
                (Tensor x, Tensor y) = Data(2);
                Device place = ComputeDevice.Parse(name);
                using var model = new AttentionRegression(x.to(place), y.to(place), new() { Score = score, Seed = 3 });
                return model.call(x.to(place)).ToDoubles();
            }
        }
    }

    [Fact]
    public void Dropout_IsOfTrainingAlone()
    {
        (Tensor x, Tensor y) = Data(1);
        using var model = new AttentionRegression(x, y, new() { Dropout = 0.5 });
        using var without = new AttentionRegression(x, y);
        Assert.NotEqual(without.call(x).ToDoubles(), model.call(x).ToDoubles());
        model.eval();
        Assert.Equal(without.call(x).ToDoubles(), model.call(x).ToDoubles());
    }

    [Fact]
    public void Defaults_AreDocumented()
    {
        var options = new AttentionRegressionOptions();
        Assert.Equal((AttentionScore.DotProduct, 32, 4, 0.0), (options.Score, options.Hidden, options.Heads, options.Dropout));
        Assert.Equal((0.01, false, 0UL), (options.LearningRate, options.LeaveOneOut, options.Seed));
    }

    [Fact]
    public void WrongArguments_AreRefusedWithTheirValues()
    {
        Refused("multiple of 3 heads, got 32", () => Create(new() { Score = AttentionScore.MultiHead, Heads = 3 }));
        Refused("at least 1, got 0", () => Create(new() { Hidden = 0 }));
        Refused("below 1, got 1", () => Create(new() { Dropout = 1 }));
        Refused("got -1", () => Create(new() { LearningRate = -1 }));
        Refused("one of the scores", () => Create(new() { Score = (AttentionScore)9 }));
        Refused("as many values as keys (3), got 2", () => new AttentionRegression(zeros(3), zeros(2)));
        Refused("got Float32 and Float64", () => new AttentionRegression(zeros(3), zeros(3, ScalarType.Float64)));
        Refused("no leave-one-out training with MultiHead", () => Create(new() { Score = AttentionScore.MultiHead, LeaveOneOut = true }));
        Refused("at least 2", () => new AttentionRegression(zeros(1), zeros(1), new() { LeaveOneOut = true }));
        Refused(
            "Expected queries (m, 2) for keys (3, 2), got shape (4).", () => new AttentionRegression(zeros(3, 2), zeros(3)).call(zeros(4)));

        static AttentionRegression Create(AttentionRegressionOptions options) => new(zeros(3), zeros(3), options);
        static void Refused(string message, Func<object> create) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(create).Message, StringComparison.Ordinal);
    }

    internal static (Tensor X, Tensor Y) Data(int features) => KernelModels.Data(features == 1 ? "nw" : "relevance");

    private static AttentionRegression Create(AttentionScore score, int features, bool leaveOneOut, out Batch batch)
    {
        (Tensor x, Tensor y) = Data(features);
        Tensor indices = tensor([0L, 3L, 8L, 14L, 22L, 29L, 49L]);
        batch = new Batch(x[indices], y[indices], indices);
        return new AttentionRegression(
            x, y, new() { Score = score, Hidden = 6, Heads = 2, LeaveOneOut = leaveOneOut && score != AttentionScore.MultiHead, Seed = 5 });
    }
}
