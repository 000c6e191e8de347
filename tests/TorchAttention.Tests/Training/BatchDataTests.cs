using Microsoft.Extensions.Logging;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Tests.Training;

/// <summary>Batches from anywhere, a seed for a model of one's own, and reports without wiring.</summary>
[Collection(nameof(AloneTests))]
public sealed class BatchDataTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Batches_TrainAsTheDataSetTheyAreFrom()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 3);
        Batch[] train = [.. new TensorLoader(data.XTrain, data.YTrain, 10, shuffle: false, new Generator(0))];
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        using var lazy = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);

        FitResult result = new Trainer(new TrainerOptions { MaxEpochs = 3 }).Fit(model, train, data.ValDataloader());
        new Trainer(new TrainerOptions { MaxEpochs = 3 }).Fit(lazy, Drawn(data.XTrain, data.YTrain), data.ValDataloader());

        Assert.Equal((3, 15), (result.Epochs, result.Steps));
        Assert.Equal(model.W.ToDoubles(), lazy.W.ToDoubles());
        Assert.NotEqual(1, model.W.ToDouble());
        Assert.All(train, batch => Assert.False(batch.X.IsInvalid));
    }

    [Fact]
    public void LoadersOfTorchSharp_NeedOneLine()
    {
        using var data = new NonlinearData(n: 40, batchSize: 10, noiseStd: 0.5, seed: 3);
        using var set = new Pairs(data.XTrain, data.YTrain);
        using var loader = new DataLoader(set, 8, shuffle: false);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        IEnumerable<Batch> train = loader.Select(drawn => new Batch(drawn["x"], drawn["y"]));

        Assert.Equal(10, new Trainer(new TrainerOptions { MaxEpochs = 2 }).Fit(model, train, data.ValDataloader()).Steps);
    }

    [Fact]
    public void SeveralInputs_AreTheModelsOwnAffair()
    {
        Tensor x = linspace(0, 1, 20);
        Tensor gate = x.gt(Half).to(ScalarType.Float32);
        Batch[] batches = [new Batch(x, gate.mul(x)) { Others = [gate] }];
        using var model = new Gated();

        FitResult result = new Trainer(new TrainerOptions { MaxEpochs = 200 }).Fit(model, batches, batches);

        Assert.InRange(result.BestValLoss, 0, 1e-4);
    }

    [Fact]
    public void WrongBatches_AreSaidInOneLine()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 3);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, new KernelModelOptions { LeaveOneOut = true });
        Batch[] batches = [new Batch(data.XTrain, data.YTrain)];
        var trainer = new Trainer();

        Assert.Equal(
            "Expected a batch with the Indices of its examples, which leave-one-out needs, got one without.",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(model, batches, batches)).Message);
        Assert.StartsWith(
            "Expected at least one batch to train on, got none.",
            Assert.Throws<ArgumentException>(() => trainer.Fit(model, [], batches)).Message, StringComparison.Ordinal);
        using var plain = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        Assert.Equal(
            "Expected batches to validate with in epoch 1, got none.",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(plain, batches, [])).Message);
        using IEnumerator<Batch> once = ((IEnumerable<Batch>)batches).GetEnumerator();
        Assert.Equal(
            "Expected batches to train on in epoch 1, got none; each epoch enumerates them anew.",
            Assert.Throws<InvalidOperationException>(() => trainer.Fit(plain, Rest(once), batches)).Message);
        Assert.Equal("50 examples", batches[0].ToString());
    }

    [Fact]
    public void Resumed_IsTheSameBitForBit()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 3);
        var checkpoints = new List<Checkpoint>();
        double[] whole = Train(trainer => trainer.StepCompleted += (_, e) =>
        {
            if (e.Step == 7)
            {
                checkpoints.Add(trainer.Capture());
            }
        }, from: null);

        Assert.Equal(whole, Train(_ => { }, Assert.Single(checkpoints)));

        double[] Train(Action<Trainer> prepare, Checkpoint? from)
        {
            using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
            using var batches = new BatchData(Drawn(data.XTrain, data.YTrain), data.ValDataloader());
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 3 });
            prepare(trainer);
            trainer.Fit(model, batches, from);
            return model.W.ToDoubles();
        }
    }

    [Fact]
    public void Seed_GivesTheSameModelAndTraining()
    {
        Tensor x = linspace(0, 1, 20);
        Batch[] batches = [new Batch(x, x)];
        Assert.Equal(Trained(4), Trained(4));
        Assert.NotEqual(Trained(4), Trained(5));

        double[] Trained(ulong seed)
        {
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 2, Seed = seed });
            using Dropped model = trainer.Create(() => new Dropped());
            trainer.Fit(model, batches, batches);
            return model.parameters().First().ToDoubles();
        }
    }

    [Fact]
    public void Reports_NeedNoWiring()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        using var text = new StringWriter();
        var logger = new Lines();

        new Trainer(new TrainerOptions { MaxEpochs = 2 }).ReportTo(text).ReportTo(logger).Fit(model, data);

        string[] lines = text.ToString().TrimEnd().Split(Environment.NewLine);
        Assert.Matches(@"^epoch 1/2  train loss 0\.\d+  validation loss 0\.\d+  best$", lines[0]);
        Assert.Matches(@"^10 steps; best validation loss 0\.\d+ in epoch 2$", lines[^1]);
        Assert.Equal(3, lines.Length);
        Assert.Equal(3, logger.Messages.Count);
        Assert.StartsWith("Information Epoch 1 of 2: train loss 0.", logger.Messages[0], StringComparison.Ordinal);
    }

    [Fact]
    public void CheckpointOfAnotherModule_SaysWhatToDelete()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        string path = Path.GetTempFileName();
        try
        {
            using var small = new Net(4);
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1 });
            trainer.EpochCompleted += (_, _) => trainer.Capture().Write(path);
            trainer.Fit(small, data);
            using var large = new Net(5);
            StorageException refused = Assert.Throws<StorageException>(
                () => new Trainer(new TrainerOptions { MaxEpochs = 2 }).Fit(large, data, Checkpoint.Read(path)));
            Assert.Contains($"make it as the first time, or delete '{path}' to begin anew", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Scalar Half { get; } = 0.5;

    private static IEnumerable<Batch> Drawn(Tensor x, Tensor y)
    {
        for (long start = 0; start < x.size(0); start += 10)
        {
            yield return new Batch(x.slice(0, start, start + 10, 1), y.slice(0, start, start + 10, 1));
        }
    }

    private static IEnumerable<Batch> Rest(IEnumerator<Batch> all)
    {
        while (all.MoveNext())
        {
            yield return all.Current;
        }
    }

    private sealed class Gated : Module
    {
        private readonly Parameter _slope = new(zeros(1));

        public Gated()
            : base(nameof(Gated)) => RegisterComponents();

        public override Tensor forward(Tensor input) => input.mul(_slope);

        public override Tensor TrainingStep(Batch batch) => Loss(forward(batch.X).mul(batch.Others[0]), batch.Y);

        public override Tensor ValidationStep(Batch batch) => TrainingStep(batch);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters(), 0.5);
    }

    private sealed class Dropped : Module
    {
        private readonly Linear _linear = nn.Linear(1, 8);
        private readonly Dropout _dropout = nn.Dropout(0.5);

        public Dropped()
            : base(nameof(Dropped)) => RegisterComponents();

        public override Tensor forward(Tensor input) => _dropout.call(_linear.call(input.unsqueeze(1))).mean([1L]);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters(), 0.1);
    }

    private sealed class Net : Module
    {
        private readonly Linear _linear;

        public Net(int hidden)
            : base(nameof(Net))
        {
            _linear = nn.Linear(1, hidden);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => _linear.call(input.unsqueeze(1)).mean([1L]);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters(), 0.1);
    }

    private sealed class Pairs(Tensor x, Tensor y) : utils.data.Dataset
    {
        public override long Count => x.size(0);

        public override Dictionary<string, Tensor> GetTensor(long index) => new() { ["x"] = x[index], ["y"] = y[index] };
    }

    private sealed class Lines : ILogger
    {
        public List<string> Messages { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Messages.Add($"{logLevel} {formatter(state, exception)}");
    }
}
