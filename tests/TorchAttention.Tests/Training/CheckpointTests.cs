using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Tests.Training;

public sealed class CheckpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("checkpoints").FullName;

    public static TheoryData<OptimizerKind, int> Stops
    {
        get
        {
            var stops = new TheoryData<OptimizerKind, int>();
            foreach (OptimizerKind kind in Enum.GetValues<OptimizerKind>())
            {
                // In the middle of an epoch, at its end, before its validation's end, and before the first step is the start itself.
                foreach (int step in (int[])[1, 4, 5, 8, 14])
                {
                    stops.Add(kind, step);
                }
            }

            return stops;
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Stops))]
    public void TrainingThatWentOn_IsBitForBitTheOneThatNeverStopped(OptimizerKind kind, int stop)
    {
        Record whole = Train(kind, stopAfter: null, from: null, folder: "whole");
        Record before = Train(kind, stop, from: null);
        Checkpoint checkpoint = Checkpoints.Latest(_folder, out IReadOnlyList<StorageException> passedOver)!;
        Assert.Empty(passedOver);
        Assert.Equal(stop, checkpoint.Step);

        Record after = Train(kind, stopAfter: null, checkpoint);

        Assert.Equal(whole.Steps, [.. before.Steps, .. after.Steps]);
        Assert.Equal(whole.Epochs, [.. before.Epochs, .. after.Epochs]);
        Assert.Equal(whole.State, after.State);
        Assert.Equal(whole.Result, after.Result);
    }

    // A threshold of half the best loss makes nearly every epoch a poor one, so that the rate falls before and after each stop.
    [Theory]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(13)]
    public void Plateau_RemembersWhatItWouldHave(int stop)
    {
        var schedule = new PlateauSchedule { Patience = 0, Gamma = 0.5, Threshold = 0.5 };
        Record whole = Train(OptimizerKind.Sgd, stopAfter: null, from: null, folder: "whole", schedule: schedule);
        Train(OptimizerKind.Sgd, stop, from: null, schedule: schedule);
        Checkpoint checkpoint = Checkpoints.Latest(_folder, out _)!;
        Record after = Train(OptimizerKind.Sgd, stopAfter: null, checkpoint, schedule: schedule);
        Assert.Equal([0.1, 0.05, 0.025], whole.Steps.Select(step => step.LearningRate).Distinct());
        Assert.Equal(whole.Steps.Skip(stop), after.Steps);
        Assert.Equal(whole.State, after.State);
    }

    [Theory]
    [InlineData("nw")]
    [InlineData("relevance")]
    [InlineData("regional")]
    [InlineData("values")]
    [InlineData(nameof(AttentionScore.DotProduct))]
    [InlineData(nameof(AttentionScore.Additive))]
    [InlineData(nameof(AttentionScore.MultiHead))]
    public void EveryModel_GoesOnBitForBit(string name)
    {
        double[] x = [.. Enumerable.Range(0, 40).Select(i => Math.Sqrt(i))];
        double[] other = [.. x.Select(q => Math.Cos(7 * q))];
        double[] y = [.. x.Select(q => Math.Sin(q))];
        Checkpoint? captured = null;
        double[] whole = State(null, trainer => trainer.StepCompleted += (_, e) => captured = e.Step == 6 ? trainer.Capture() : captured);
        Assert.Equal(whole, State(captured, _ => { }));

        double[] State(Checkpoint? from, Action<Trainer> watch)
        {
            double[][] columns = name == "relevance" ? [x, other] : [x];
            using var data = new TabularData(columns, y, batchSize: 9, seed: 3);
            using TorchAttention.Training.Module model = name switch
            {
                "nw" => new NWKernelRegression(data.XTrain, data.YTrain),
                "relevance" => new NWKernelRegression(
                    data.XTrain, data.YTrain, new KernelModelOptions { Widths = KernelWidths.PerFeature }),
                "regional" => new NWKernelRegression(
                    data.XTrain, data.YTrain, new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 4 }),
                "values" => new NWKernelRegression(data.XTrain, data.YTrain, new KernelModelOptions { LearnValues = true }),
                _ =>
                    new AttentionRegression(
                        data.XTrain, data.YTrain, new AttentionRegressionOptions { Score = Enum.Parse<AttentionScore>(name), Hidden = 8 }),
            };
            var trainer = new Trainer(new TrainerOptions { MaxEpochs = 4 });
            watch(trainer);
            trainer.Fit(model, data, from);
            return [.. model.state_dict().SelectMany(part => part.Value.ToDoubles())];
        }
    }

    [Fact]
    public void DamagedNewest_IsPassedOverForTheOneBefore()
    {
        Train(OptimizerKind.Adam, stopAfter: 9, from: null, everySteps: 4);
        string[] files = Files();
        Assert.Equal(2, files.Length);
        byte[] bytes = File.ReadAllBytes(files[1]);
        for (int place = 0; place < bytes.Length; place += Math.Max(1, bytes.Length / 50))
        {
            byte[] damaged = [.. bytes];
            damaged[place] ^= 0x10;
            File.WriteAllBytes(files[1], damaged);
            Assert.Equal(8, Checkpoints.Latest(_folder, out IReadOnlyList<StorageException> passedOver)!.Step);
            Assert.Contains(Path.GetFileName(files[1]), Assert.Single(passedOver).Message, StringComparison.Ordinal);
        }

        File.WriteAllBytes(files[1], bytes[..(bytes.Length / 2)]);
        Assert.Equal(8, Checkpoints.Latest(_folder, out _)!.Step);
    }

    [Fact]
    public void LaterVersion_IsPassedOverAndSaysSo()
    {
        Train(OptimizerKind.Sgd, stopAfter: 9, from: null, everySteps: 4);
        string newest = Files()[^1];
        SafeTensorsFile file = SafeTensorsFile.Read(newest);
        new SafeTensorsFile(file.Tensors, new Dictionary<string, string>(file.Metadata) { ["version"] = "99" }).Write(newest);
        Assert.Equal(8, Checkpoints.Latest(_folder, out IReadOnlyList<StorageException> passedOver)!.Step);
        Assert.Contains("found version 99", Assert.Single(passedOver).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EmptyOrMissingFolder_HasNone()
    {
        Assert.Null(Checkpoints.Latest(_folder, out _));
        Assert.Null(Checkpoints.Latest(Path.Combine(_folder, "missing"), out _));
    }

    [Fact]
    public void FullDisk_IsReportedAndTrainingGoesOn()
    {
        // A folder cannot be made below a file, which fails as a full disk does.
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        using var data = new NonlinearData();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        var trainer = new Trainer();
        var failures = new List<Exception>();
        using (var checkpoints = new Checkpoints(Path.Combine(file, "below"), new CheckpointOptions { EverySteps = 10 }))
        {
            checkpoints.Failed += (_, e) => failures.Add(e);
            checkpoints.Watch(trainer);
            Assert.Equal(5, trainer.Fit(model, data).Epochs);
        }

        Assert.NotEmpty(failures);
    }

    [Fact]
    public void CheckpointOfAnotherTraining_IsRefused()
    {
        Train(OptimizerKind.Sgd, stopAfter: 5, from: null);
        Checkpoint checkpoint = Checkpoints.Latest(_folder, out _)!;
        using var data = new NonlinearData(n: 26, batchSize: 5);
        using var regional = new NWKernelRegression(
            data.XTrain, data.YTrain, new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 3 });
        StorageException e = Assert.Throws<StorageException>(() => new Trainer().Fit(regional, data, checkpoint));
        Assert.Contains("module", e.Message, StringComparison.Ordinal);

        using var more = new NonlinearData(n: 28, batchSize: 5);
        using var single = new NWKernelRegression(more.XTrain, more.YTrain);
        e = Assert.Throws<StorageException>(() => new Trainer().Fit(single, more, checkpoint));
        Assert.Contains("expected 'model.keys' of type F32 and shape (28)", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, single.W.ToDoubles()[0]);

        using var adam = new NWKernelRegression(data.XTrain, data.YTrain);
        var options = new TrainerOptions { Optimizer = new OptimizerOptions { Kind = OptimizerKind.Adam } };
        e = Assert.Throws<StorageException>(() => new Trainer(options).Fit(adam, data, checkpoint));
        Assert.Contains("whose optimizer is Adam, found SGD", e.Message, StringComparison.Ordinal);
    }

    // What another training left, of more steps, would be found in the place of this one's, and this one's be deleted as old.
    [Fact]
    public void CheckpointsOfLaterSteps_ArePutAside()
    {
        Train(OptimizerKind.Sgd, stopAfter: 19, from: null, everySteps: 4);
        byte[][] before = Array.ConvertAll(Files(), File.ReadAllBytes);
        string[] names = Array.ConvertAll(Files(), file => Path.GetFileName(file)!);
        Assert.Equal(["step-0000000016.safetensors", "step-0000000019.safetensors"], names);

        Record second = Train(OptimizerKind.Adam, stopAfter: 9, from: null, everySteps: 4);

        Assert.Equal(9, second.Steps.Count);
        Assert.Equal(9, Checkpoints.Latest(_folder, out IReadOnlyList<StorageException> passedOver)!.Step);
        Assert.Empty(passedOver);
        string[] expected = ["step-0000000008.safetensors", "step-0000000009.safetensors", $"{names[0]}.aside", $"{names[1]}.aside"];
        Assert.Equal(expected, Files().Select(Path.GetFileName));
        Assert.Equal(before, Files()[2..].Select(File.ReadAllBytes));
    }

    [Fact]
    public void MemoryThatDoesNotFit_LeavesTheModuleAsItWas()
    {
        using var data = new NonlinearData(n: 20, batchSize: 5);
        using var first = new Forgetful();
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 1 });
        Checkpoint? captured = null;
        trainer.StepCompleted += (_, _) => captured = trainer.Capture();
        trainer.Fit(first, data);
        using var second = new Forgetful();
        StorageException e = Assert.Throws<StorageException>(() => new Trainer().Fit(second, data, captured));
        Assert.Contains("found less (no momentum)", e.Message, StringComparison.Ordinal);
        Assert.Equal([0, 0], second.Line.weight!.ToDoubles().Append(second.Line.bias!.ToDouble()));
    }

    [Fact]
    public void LastOnesStay()
    {
        Train(OptimizerKind.Sgd, stopAfter: null, from: null, everySteps: 3);
        Assert.InRange(Files().Length, 1, 2);
    }

    private string[] Files() => [.. Directory.GetFiles(_folder).Order(StringComparer.Ordinal)];

    private Record Train(
        OptimizerKind kind,
        int? stopAfter,
        Checkpoint? from,
        int? everySteps = null,
        string folder = "",
        LearningRateSchedule? schedule = null)
    {
        using var data = new NonlinearData(n: 26, batchSize: 5);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true);
        using var stop = new CancellationTokenSource();
        var record = new Record();
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 4,
            GradientClipVal = 0.5,
            Optimizer = new OptimizerOptions { Kind = kind, LearningRate = 0.1, Momentum = kind == OptimizerKind.Sgd ? 0.9 : 0 },
            Schedule = schedule ?? new CosineSchedule { WarmupSteps = 3 },
            EarlyStopping = new EarlyStopping { Patience = 3 },
        });
        trainer.StepCompleted += (_, e) =>
        {
            record.Steps.Add(e);
            if (e.Step == stopAfter)
            {
                stop.Cancel();
            }
        };
        trainer.EpochCompleted += (_, e) => record.Epochs.Add(e);
        using var checkpoints = new Checkpoints(
            Path.Combine(_folder, folder), new CheckpointOptions { EverySteps = everySteps, EverySeconds = null });
        checkpoints.Watch(trainer);
        try
        {
            record.Result = trainer.Fit(model, data, from, stop.Token);
        }
        catch (OperationCanceledException) when (stopAfter is not null)
        {
        }

        record.State = [.. model.state_dict().SelectMany(part => part.Value.ToDoubles())];
        return record;
    }

    /// <summary>A line whose optimiser saves nothing, and misses it.</summary>
    private sealed class Forgetful : TorchAttention.Training.Module
    {
        public Forgetful()
            : base(nameof(Forgetful))
        {
            nn.init.zeros_(Line.weight);
            nn.init.zeros_(Line.bias);
            register_module("line", Line);
        }

        public TorchSharp.Modules.Linear Line { get; } = nn.Linear(1, 1);

        public override Tensor forward(Tensor input) => Line.call(input.unsqueeze(1)).squeeze(1);

        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);

        public override optim.Optimizer ConfigureOptimizers() => new Descent(Line.parameters());

        private sealed class Descent(IEnumerable<TorchSharp.Modules.Parameter> parameters)
            : TorchSharp.Modules.SGD(parameters, 0.1), IResumableOptimizer
        {
            public IReadOnlyDictionary<string, double[]> SaveState() => new Dictionary<string, double[]>();

            public void LoadState(IReadOnlyDictionary<string, double[]> state) => throw new KeyNotFoundException("no momentum");
        }
    }

    private sealed record Record
    {
        public List<StepCompleted> Steps { get; } = [];

        public List<EpochCompleted> Epochs { get; } = [];

        public double[] State { get; set; } = [];

        public FitResult? Result { get; set; }
    }
}
