using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Tables;
using TorchAttention.Pooling;
using TorchAttention.Tests.Models;
using TorchAttention.Training;
using OptimizerOptions = TorchAttention.Training.OptimizerOptions;

namespace TorchAttention.Tests.Training;

/// <summary>Steps without a graph beside those of autograd on the same model.</summary>
public sealed class DirectStepTests
{
    public static TheoryData<string, string, bool, bool> Cases => new(
        from name in (string[])["nw", "nw of 2 features", "relevance", "relevance of 1 feature", "regional", "each key's own"]
        from kernel in (string[])["gaussian", "tricube"]
        from leaveOneOut in (bool[])[false, true]
        from isDouble in (bool[])[false, true]
        select (name, kernel, leaveOneOut, isDouble));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_IsThatOfAutograd(string name, string kernel, bool leaveOneOut, bool isDouble)
    {
        var options = new KernelModelOptions { Kernel = SmoothingKernel.Find(kernel)!, LeaveOneOut = leaveOneOut };
        var trainer = new TrainerOptions { MaxEpochs = 4, GradientClipVal = 0.05 };

        Seen direct = Train(name, options, trainer, AttentionMethod.Auto, isDouble);
        Seen graph = Train(name, options, trainer, AttentionMethod.Engine, isDouble);

        Assert.True(direct.IsDirect && !graph.IsDirect);
        AssertAlike(graph, direct, isDouble ? 1e-12 : 2e-5);
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd, 0.9)]
    [InlineData(OptimizerKind.Adam, 0)]
    [InlineData(OptimizerKind.AdamW, 0)]
    public void Optimisers_MoveTheSame(OptimizerKind kind, double momentum)
    {
        var trainer = new TrainerOptions
        {
            MaxEpochs = 3,
            Optimizer = new OptimizerOptions { Kind = kind, LearningRate = 0.1, Momentum = momentum, WeightDecay = 0.01 },
        };

        Seen direct = Train("relevance", new KernelModelOptions(), trainer, AttentionMethod.Auto, isDouble: true);
        Seen graph = Train("relevance", new KernelModelOptions(), trainer, AttentionMethod.Engine, isDouble: true);

        AssertAlike(graph, direct, 1e-10);
    }

    [Fact]
    public void Models_ThatNeedAGraphHaveOne()
    {
        using var data = new Pairs("nw", ScalarType.Float32);
        using NWKernelRegression plain = New(new KernelModelOptions());
        using NWKernelRegression learned = New(new KernelModelOptions { LearnValues = true });
        using NWKernelRegression planes = New(new KernelModelOptions { Degree = 1 });
        using var own = new Own(data.XTrain, data.YTrain);
        using NWKernelRegression asked = New(new KernelModelOptions());
        asked.Method = AttentionMethod.Textbook;
        using NWKernelRegression frozen = New(new KernelModelOptions());
        frozen.W.requires_grad = false;
        using var wide = new Pairs("nw", ScalarType.Float64);

        Assert.NotNull(plain.CreateDirectStep(data));
        Assert.All((NWKernelRegression[])[learned, planes, own, asked, frozen], model => Assert.Null(model.CreateDirectStep(data)));
        Assert.Null(plain.CreateDirectStep(wide));

        NWKernelRegression New(KernelModelOptions options) => new(data.XTrain, data.YTrain, options);
    }

    [Fact]
    public void WThatHasRunAway_IsADivergence()
    {
        using var data = new Pairs("nw", ScalarType.Float32);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, new KernelModelOptions { InitialW = 2e15 });

        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => new Trainer().Fit(model, data));

        Assert.StartsWith("Training diverged: the training loss of step 1", e.Message, StringComparison.Ordinal);
        Assert.Equal([7, 50], model.AttentionWeights!.shape);
    }

    private static void AssertAlike(Seen graph, Seen direct, double tolerance)
    {
        Assert.Equal(graph.Numbers.Count, direct.Numbers.Count);
        Assert.All(
            graph.Numbers.Zip(direct.Numbers), pair => Assert.Equal(pair.First, pair.Second, tolerance * (1 + Math.Abs(pair.First))));
        Assert.Equal(graph.Shape, direct.Shape);
        Assert.Equal(graph.RandomState, direct.RandomState);
    }

    private static Seen Train(string name, KernelModelOptions options, TrainerOptions how, AttentionMethod method, bool isDouble)
    {
        using var data = new Pairs(name, isDouble ? ScalarType.Float64 : ScalarType.Float32);
        using NWKernelRegression model = KernelModels.Create(name, data.XTrain, data.YTrain, options);
        model.Method = method;
        var seen = new List<double>();
        var trainer = new Trainer(how);
        trainer.StepCompleted += (_, e) => seen.AddRange([e.Loss, e.GradientNorm, .. model.W.ToDoubles()]);
        trainer.ValidationCompleted += (_, e) => seen.Add(e.Loss);
        long[] shape = [];
        trainer.StepCompleted += (_, e) =>
        {
            if (e.Step == 7)
            {
                shape = model.AttentionWeights!.shape;
                seen.AddRange(model.AttentionWeights.ToDoubles());
            }
        };
        trainer.Fit(model, data);
        seen.AddRange(model.AttentionWeights!.ToDoubles());
        return new Seen(seen, shape, data.RandomState, model.CreateDirectStep(data) is not null);
    }

    private sealed record Seen(IReadOnlyList<double> Numbers, long[] Shape, byte[] RandomState, bool IsDirect);

    private sealed class Own(Tensor keys, Tensor values) : NWKernelRegression(keys, values);

    private sealed class Pairs(string name, ScalarType type) : RegressionData(
        KernelModels.Data(name, type), Some(KernelModels.Data(name, type)), batchSize: 7, new Generator(3))
    {
        public override IReadOnlyList<Standardization> XScales => [];

        public override Standardization YScale => Standardization.None;

        private static (Tensor X, Tensor Y) Some((Tensor X, Tensor Y) all) => (all.X.slice(0, 3, 40, 2), all.Y.slice(0, 3, 40, 2));
    }
}
