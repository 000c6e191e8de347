using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Pooling;
using TorchAttention.Tests.Pooling;

namespace TorchAttention.Tests.Models;

/// <summary>No queries have no outputs, and gradients of 0, in every model and every form of pooling; no keys are refused.</summary>
public sealed class EmptyBatchTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Forms => ["engine", "streaming", "fused"];

    public static TheoryData<string> KernelModelNames => [.. KernelModels.Names];

    public static TheoryData<AttentionScore> Scores => [.. Enum.GetValues<AttentionScore>()];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryForm_GivesEmptyOutputs(string form)
    {
        foreach ((int d, int v) in new[] { (1, 1), (2, 1), (3, 2) })
        {
            PoolingProblem problem = PoolingProblem.Random(0, 7, d, v, seed: 1).WithGradients();
            PoolingProblem learning = form == "engine" ? problem with { Keys = problem.Keys.detach() } : problem;
            Tensor output = Pool(form, learning.Queries, learning.Keys, learning.Values, learning.W);
            output.CheckShape(0, v);
            Tensor slopes = autograd.grad([output.sum()], [learning.Queries], create_graph: true, retain_graph: true)[0];
            slopes.CheckShape(0, d);
            output.Squared().sum().Plus(slopes.Squared().sum()).backward();
            Tensor[] leaves = [learning.Queries, learning.Values, learning.W];
            Assert.All(leaves, leaf => leaf.grad!.CheckShape(leaf.shape));
            Assert.All(leaves, leaf => Assert.Equal(0, leaf.grad!.abs().sum().ToDouble()));
        }

        Tensor keys = Numbers(5, ScalarType.Float64);
        Pool(form, zeros(0, ScalarType.Float64), keys, keys, tensor([1.0])).CheckShape(0);
        if (form != "fused")
        {
            Tensor none = zeros(0, ScalarType.Int64);
            (form == "engine"
                ? EnginePooling.Pool<Tricube>(zeros(0, ScalarType.Float64), keys, keys, tensor([1.0]), none)
                : StreamingPooling.Pool(zeros(0, ScalarType.Float64), keys, keys, tensor([1.0]), none)).CheckShape(0);
        }
    }

    [Fact]
    public void WeightsOfItsOwn_AndLogsOfSums_AreEmptyToo()
    {
        Tensor keys = Numbers(5, ScalarType.Float64);
        Tensor widths = ones(5, ScalarType.Float64).requires_grad_();
        Tensor output = EnginePooling.Pool<Gaussian>(zeros(0, ScalarType.Float64), keys, keys, widths);
        output.CheckShape(0);
        output.sum().backward();
        Assert.Equal([0, 0, 0, 0, 0], widths.grad!.ToDoubles());

        Tensor rows = keys.unsqueeze(1);
        (Tensor pooled, Tensor log) = StreamingPooling.PoolWithLogWeightSum(zeros(0, 1, ScalarType.Float64), rows, rows, tensor([1.0]));
        pooled.CheckShape(0, 1);
        log.CheckShape(0);
        Assert.Equal(0, SdpaPooling.ExponentError(zeros(0, ScalarType.Float64), zeros(3, ScalarType.Float64), tensor([1.0])));
    }

    [Fact]
    public void Textbook_IsEmptyToo()
    {
        Tensor keys = Numbers(5, ScalarType.Float64);
        Tensor diff = AttentionPooling.Diff(zeros(0, ScalarType.Float64), keys);
        diff.CheckShape(0, 5);
        (Tensor output, Tensor weights) = AttentionPooling.AttentionPool(diff, keys);
        output.CheckShape(0);
        weights.CheckShape(0, 5);
        AttentionPooling.Pool(weights, zeros(0, 5, ScalarType.Float64)).CheckShape(0);
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            KernelWeights.Compute(kernel, zeros(0, 5)).CheckShape(0, 5);
        }
    }

    [Theory]
    [MemberData(nameof(KernelModelNames))]
    public void EveryKernelModel_GivesEmptyOutputs(string name)
    {
        (Tensor x, Tensor y) = KernelModels.Data(name);
        Tensor none = tensor(Array.Empty<long>());
        foreach (AttentionMethod method in Enum.GetValues<AttentionMethod>())
        {
            if (method == AttentionMethod.Streaming && name is "regional" or "each key's own")
            {
                continue;
            }

            using NWKernelRegression model = KernelModels.Create(name, x, y, new() { LeaveOneOut = true, LearnValues = true });
            model.Method = method;
            Tensor output = model.call(x[none]);
            output.CheckShape(0);
            model.AttentionWeights!.CheckShape(0, KernelModels.Examples);
            Tensor without = model.PredictWithout(new Batch(x[none], y[none], none));
            without.CheckShape(0);
            model.AttentionWeights!.CheckShape(0, KernelModels.Examples - 1);
            output.sum().Plus(without.sum()).backward();
            Assert.All(model.parameters(), parameter => Assert.Equal(0, parameter.grad!.abs().sum().ToDouble()));
        }
    }

    [Theory]
    [MemberData(nameof(Scores))]
    public void EveryScore_GivesEmptyOutputs(AttentionScore score)
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance");
        Tensor none = tensor(Array.Empty<long>());
        using var model = new AttentionRegression(x, y, new() { Score = score });
        Tensor output = model.call(x[none]);
        output.CheckShape(0);
        long[] heads = score == AttentionScore.MultiHead ? [model.Options.Heads] : [];
        model.AttentionWeights!.CheckShape([.. heads, 0, KernelModels.Examples]);
        Tensor without = model.PredictWithout(new Batch(x[none], y[none], none));
        without.CheckShape(0);
        model.AttentionWeights!.CheckShape([.. heads, 0, KernelModels.Examples - 1]);
        output.sum().Plus(without.sum()).backward();
        Assert.All(model.parameters(), parameter => Assert.Equal(0, parameter.grad!.abs().sum().ToDouble()));
    }

    [Fact]
    public void InContext_GivesEmptyOutputs()
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance");
        Tensor none = tensor(Array.Empty<long>());
        using var model = new InContextRegression(x, y);
        Tensor output = model.call(x[none]);
        output.CheckShape(0);
        model.AttentionWeights!.CheckShape(4, 0, KernelModels.Examples);
        Tensor without = model.PredictWithout(new Batch(x[none], y[none], none));
        without.CheckShape(0);
        model.AttentionWeights!.CheckShape(4, 0, KernelModels.Examples - 1);
        output.sum().Plus(without.sum()).backward();
        Assert.All(model.parameters(), parameter => Assert.Equal(0, parameter.grad!.abs().sum().ToDouble()));
    }

    [Fact]
    public void ModelsThatDoNotLearn_GiveEmptyOutputs()
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance");
        using var average = new AveragePooling(y);
        average.call(zeros(0)).CheckShape(0);
        average.call(zeros(0, 2)).CheckShape(0);
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            using var model = new NonparametricAttentionPooling(x, y, 0.5, kernel);
            model.call(zeros(0, 2, ScalarType.Float64)).CheckShape(0);
            model.AttentionWeights!.CheckShape(0, KernelModels.Examples);
        }

        KernelRegression.Fit([0.0, 1, 2, 3], [0.0, 1, 0, 2]).Predict(zeros(0)).CheckShape(0);
    }

    [Fact]
    public void NoKeysAndNoFeatures_AreRefused()
    {
        Tensor none = zeros(0);
        Tensor one = ones(1);
        Refused("at least one element, got shape (0)", () => EnginePooling.Pool<Gaussian>(one, none, none, one));
        Refused("at least one element, got shape (0)", () => StreamingPooling.Pool(one, none, none, one));
        Refused("at least one element, got shape (0)", () => SdpaPooling.Pool(none, none, none, one));
        Refused("at least one element, got shape (0)", () => AttentionPooling.Diff(one, none));
        Refused("of at least one key, got shape (3, 0)", () => AttentionPooling.Weights(zeros(3, 0)));
        Refused("of at least one feature, got shape (0, 0)", () => AttentionPooling.Diff(zeros(0, 0), zeros(3, 2)));
        Refused("at least one element, got shape (0)", () => _ = new NWKernelRegression(none, none));
        using var model = new NWKernelRegression(zeros(3, 2), zeros(3), new KernelModelOptions());
        Refused("Expected queries (m, 2) for keys (3, 2), got shape (0, 3).", () => model.call(zeros(0, 3)));

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    private static Tensor Pool(string form, Tensor queries, Tensor keys, Tensor values, Tensor w) => form switch
    {
        "engine" => EnginePooling.Pool<Gaussian>(queries, keys, values, w),
        "streaming" => StreamingPooling.Pool(queries, keys, values, w),
        _ => SdpaPooling.Pool(queries, keys, values, w),
    };
}
