using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

/// <summary>What a test beside would disturb: torch's global generator, and the memory of the process.</summary>
[CollectionDefinition(nameof(AloneTests), DisableParallelization = true)]
[Collection(nameof(AloneTests))]
public sealed class AloneTests
{
    private const int Megabyte = 1 << 20;

    // A hundred thousand steps against the first thousand, checkpoints among them.
    [Fact]
    public void LongTraining_TakesNoMoreMemoryThanAShortOne()
    {
        int threads = get_num_threads();
        set_num_threads(1);
        string folder = Directory.CreateTempSubdirectory("checkpoints").FullName;
        try
        {
            using var data = new NonlinearData(n: 20, batchSize: 5);
            using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 0.01);
            (long Tensors, long Managed, long Native) early = default;
            (long Tensors, long Managed, long Native) late = default;
            var trainer = new Trainer(new TrainerOptions
            {
                MaxEpochs = 25_000,
                GradientClipVal = 1,
                Optimizer = new OptimizerOptions { Kind = OptimizerKind.Adam, LearningRate = 1e-4 },
                EarlyStopping = new EarlyStopping { Patience = 25_000 },
            });
            trainer.EpochCompleted += (_, e) =>
            {
                early = e.Epoch == 250 ? Measure() : early;
                late = e.Epoch == e.MaxEpochs ? Measure() : late;
            };
            using (var checkpoints = new Checkpoints(folder, new CheckpointOptions { EverySteps = 999 }))
            {
                checkpoints.Watch(trainer);
                Assert.Equal(100_000, trainer.Fit(model, data).Steps);
            }

            Assert.Equal(early.Tensors, late.Tensors);
            Assert.InRange(late.Managed - early.Managed, long.MinValue, Megabyte);
            Assert.InRange(late.Native - early.Native, long.MinValue, Megabyte);
        }
        finally
        {
            set_num_threads(threads);
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Dropout_GoesOnWithTheSameDraws()
    {
        using Tensor before = torch.random.get_rng_state();
        try
        {
            Assert.Equal(Noisy(stop: null), Noisy(stop: 3));
        }
        finally
        {
            torch.random.set_rng_state(before);
        }
    }

    private static double[] Noisy(int? stop)
    {
        using var data = new NonlinearData(n: 20, batchSize: 5);
        using var first = new NoisyModule();
        manual_seed(7);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 3 });
        Checkpoint? captured = null;
        trainer.StepCompleted += (_, e) => captured = e.Step == stop ? trainer.Capture() : captured;
        trainer.Fit(first, data);
        if (stop is null)
        {
            return first.State;
        }

        using var again = new NonlinearData(n: 20, batchSize: 5);
        using var second = new NoisyModule();
        manual_seed(8);
        new Trainer(new TrainerOptions { MaxEpochs = 3 }).Fit(second, again, captured);
        return second.State;
    }

    // The engine's sums do not depend on its threads, and what libtorch adds up here is too little for it to divide.
    [Fact]
    public void Threads_ChangeNoBit()
    {
        int threads = get_num_threads();
        try
        {
            double[][] learned = [.. Enumerable.Range(1, 3).Select(count =>
            {
                set_num_threads(count);
                using var data = new NonlinearData(n: 3000, batchSize: 700);
                using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true);
                new Trainer(new TrainerOptions { MaxEpochs = 2 }).Fit(model, data);
                return model.W.ToDoubles();
            })];
            Assert.Equal(learned[0], learned[1]);
            Assert.Equal(learned[0], learned[2]);
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private static (long Tensors, long Managed, long Native) Measure()
    {
        long managed = GC.GetTotalMemory(forceFullCollection: true);
        return (DisposeScopeManager.Statistics.ThreadTotalLiveCount, managed, NativeMemory.InUse());
    }

    /// <summary>A module whose loss draws from torch's global generator.</summary>
    private sealed class NoisyModule : TorchAttention.Training.Module
    {
        private readonly TorchSharp.Modules.Linear _line = nn.Linear(1, 1);

        public NoisyModule()
            : base(nameof(NoisyModule))
        {
            nn.init.zeros_(_line.weight);
            nn.init.zeros_(_line.bias);
            RegisterComponents();
        }

        public double[] State => [.. state_dict().SelectMany(part => part.Value.ToDoubles())];

        public override Tensor forward(Tensor input) => _line.call(nn.functional.dropout(input.unsqueeze(1), 0.3, training)).squeeze(1);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => optim.Adam(parameters(), 0.05);
    }
}
