using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

/// <summary>How many of libtorch's threads a training takes.</summary>
[Collection(nameof(AloneTests))]
public sealed class TrainingThreadsTests : IDisposable
{
    private const int Own = 3;

    private readonly int _before = get_num_threads();

    public TrainingThreadsTests() => set_num_threads(Own);

    public void Dispose() => set_num_threads(_before);

    [Theory]
    [InlineData(320, 10, null, 1)]
    [InlineData(1310, 100, null, 1)]
    [InlineData(1311, 100, null, Own)]
    [InlineData(400, 100_000, null, Own)]
    [InlineData(320, 10, 2, 2)]
    [InlineData(1400, 100, 1, 1)]
    public void Training_TakesThreadsByItsSizeAndPutsThemBack(int n, int batchSize, int? threads, int expected)
    {
        using var data = new NonlinearData(n, batchSize);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 0.01);
        var seen = new List<int>();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1, Threads = threads });
        trainer.StepCompleted += (_, _) => seen.Add(get_num_threads());
        trainer.ValidationCompleted += (_, _) => seen.Add(get_num_threads());
        trainer.Completed += (_, _) => seen.Add(get_num_threads());

        trainer.Fit(model, data);

        Assert.Equal([expected], seen.Distinct());
        Assert.Equal(Own, get_num_threads());
        Assert.Equal(expected, trainer.ThreadsFor(model, data));
    }

    [Fact]
    public void ThreadsComeBack_HoweverTheTrainingEnds()
    {
        using var data = new NonlinearData(n: 20, batchSize: 5);
        using var diverging = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1e30);
        Assert.Throws<TrainingDivergedException>(() => new Trainer().Fit(diverging, data));
        Assert.Equal(Own, get_num_threads());

        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        Assert.Throws<OperationCanceledException>(() => new Trainer().Fit(model, data, new CancellationToken(canceled: true)));
        Assert.Equal(Own, get_num_threads());

        var trainer = new Trainer();
        trainer.StepCompleted += (_, _) => throw new InvalidDataException("a listener's own");
        Assert.Throws<InvalidDataException>(() => trainer.Fit(model, data));
        Assert.Equal(Own, get_num_threads());
    }

    // The same examples: a score that makes a vector of each pair has more to do than one number, and a wide module more than either.
    [Fact]
    public void SizeOfAStep_IsTheModelsToo()
    {
        using var data = new NonlinearData(n: 500, batchSize: 100);
        var trainer = new Trainer();
        Assert.Equal(1, Threads(new AttentionRegression(data.XTrain, data.YTrain)));
        Assert.Equal(Own, Threads(new AttentionRegression(data.XTrain, data.YTrain, new() { Score = AttentionScore.Additive })));
        Assert.Equal(Own, Threads(new AttentionRegression(data.XTrain, data.YTrain, new() { Score = AttentionScore.MultiHead })));
        Assert.Equal(1, Threads(new Layered(64)));
        Assert.Equal(Own, Threads(new Layered(512)));

        double[] column = [.. Enumerable.Range(0, 1500).Select(i => (double)i * i)];
        double[] other = [.. Enumerable.Range(0, 1500).Select(i => Math.Sin(i))];
        using var features = new TabularData([column, other], column, batchSize: 100);
        Assert.Equal(Own, trainer.ThreadsFor(new NWKernelRegression(features.XTrain, features.YTrain), features));

        int Threads(TorchAttention.Training.Module model)
        {
            using (model)
            {
                return trainer.ThreadsFor(model, data);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Threads_AreAtLeastOne(int threads) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Trainer(new TrainerOptions { Threads = threads }));

    /// <summary>Two layers of one width.</summary>
    private sealed class Layered : TorchAttention.Training.Module
    {
        private readonly TorchSharp.Modules.Sequential _layers;

        public Layered(int width)
            : base(nameof(Layered))
        {
            _layers = nn.Sequential(nn.Linear(1, width), nn.Linear(width, width), nn.Linear(width, 1));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => _layers.call(input.unsqueeze(1)).squeeze(1);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => optim.SGD(parameters(), 0.01);
    }
}
