using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Tests.Training;

/// <summary>What a test beside would disturb: torch's global generator, and the memory of the process.</summary>
[CollectionDefinition(nameof(AloneTests), DisableParallelization = true)]
[Collection(nameof(AloneTests))]
public sealed class AloneTests
{
    private const int Megabyte = 1 << 20;

    // What is alive, by the least of ten looks at the beginning and ten at the end: one look may find the runtime compiling, for which it
    // takes memory for a moment. Half a megabyte of objects is 20 bytes a step, less than the smallest of them; 4 of libtorch's are 160,
    // less than a tensor.
    [Fact]
    public void LongTraining_TakesNoMoreMemoryThanAShortOne()
    {
        LongTests.SkipUnlessAskedFor();
        const int epochs = 7_500;
        const int epochsBetweenLooks = 150;
        const int looks = 10;
        string folder = Directory.CreateTempSubdirectory("checkpoints").FullName;
        try
        {
            using var data = new NonlinearData(n: 20, batchSize: 5);
            using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 0.01);
            var seen = new List<(long Tensors, long Managed, long Native)>();
            var trainer = new Trainer(new TrainerOptions
            {
                MaxEpochs = epochs,
                GradientClipVal = 1,
                Optimizer = new OptimizerOptions { Kind = OptimizerKind.Adam, LearningRate = 1e-4 },
                EarlyStopping = new EarlyStopping { Patience = epochs },
            });
            trainer.EpochCompleted += (_, e) =>
            {
                if (e.Epoch % epochsBetweenLooks == 0)
                {
                    seen.Add(Measure());
                }
            };
            using (var checkpoints = new Checkpoints(folder, new CheckpointOptions { EverySteps = 99 }))
            {
                checkpoints.Watch(trainer);
                Assert.Equal(4 * epochs, trainer.Fit(model, data).Steps);
            }

            Assert.Single(seen.Select(look => look.Tensors).Distinct());
            Assert.InRange(Grown(look => look.Managed), long.MinValue, Megabyte / 2);
            Assert.InRange(Grown(look => look.Native), long.MinValue, 4 * Megabyte);

            long Grown(Func<(long Tensors, long Managed, long Native), long> bytes) =>
                seen.TakeLast(looks).Min(bytes) - seen.Take(looks).Min(bytes);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // A graph of a gradient leads back to the operation that the gradient is of: each step would stay for ever that the other held on to.
    [Fact]
    public void GradientsOfGradients_TakeNoMoreMemory()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = linspace(0, 5, 500, ScalarType.Float64);
        var bytes = new List<long>();
        foreach (AttentionMethod method in new[] { AttentionMethod.Engine, AttentionMethod.Streaming })
        {
            using var model = new NWKernelRegression(x, x.sin()) { Method = method };
            for (int step = 0; step < 6; step++)
            {
                using DisposeScope steps = NewDisposeScope();
                Tensor queries = x.clone().requires_grad_();
                Tensor slopes = autograd.grad([model.call(queries).sum()], [queries], create_graph: true, retain_graph: true)[0];
                slopes.Squared().sum().backward();
                bytes.Add(NativeMemory.InUse());
            }

            // A step's graph has more than ten matrices of 2 MB.
            Assert.InRange(bytes[^1] - bytes[^5], long.MinValue, 2 * Megabyte);
        }
    }

    [Fact]
    public void Dropout_GoesOnWithTheSameDraws()
    {
        using Tensor before = Held.RandomState();
        try
        {
            Assert.Equal(Noisy(stop: null), Noisy(stop: 3));
        }
        finally
        {
            Held.SetRandomState(before);
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
