using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Tests.Models;
using TorchAttention.Training;

namespace TorchAttention.Tests.Pooling;

/// <summary>Where the textbook form's answer is no number, no other form has a number for it: a training that diverges is seen.</summary>
public sealed class DivergenceTests : IDisposable
{
    private static readonly double[] _bad = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e200, -1e308];

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Forms => ["engine", "streaming", "fused"];

    public static TheoryData<string> Models => [.. KernelModels.Names];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryForm_IsAsNotFiniteAsTheTextbook(string form)
    {
        foreach (ScalarType type in new[] { ScalarType.Float64, ScalarType.Float32 })
        {
            foreach (bool isAll in new[] { false, true })
            {
                foreach (int leaf in Enumerable.Range(0, 4))
                {
                    foreach (double bad in _bad)
                    {
                        PoolingProblem problem = PoolingProblem.Random(3, 4, 1, 1, seed: 2, type: type);
                        Tensor spoilt = problem.Leaves[leaf];
                        (isAll ? spoilt : spoilt[0]).copy_(tensor(bad));
                        double[] expected = problem.Textbook().Output.ToDoubles();
                        double[]? actual = Pooled(form, problem);
                        bool isSeen = actual is null
                            || expected.Zip(actual).All(pair => double.IsFinite(pair.First) || !double.IsFinite(pair.Second));
                        string found = $"{string.Join(" ", actual ?? [])} where the textbook has {string.Join(" ", expected)}";
                        Assert.True(isSeen, $"{form}, {type}, input {leaf} {bad}: {found}");
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void FusedForm_WithSuchAW_IsNotTheMeanOfTheValues(double w)
    {
        foreach (ScalarType type in new[] { ScalarType.Float64, ScalarType.Float32 })
        {
            Tensor keys = tensor([0.0, 1, 2]).to(type);
            Tensor learned = tensor([w]).to(type).requires_grad_();
            Tensor output = SdpaPooling.Pool(tensor([0.5, 1]).to(type), keys, tensor([1.0, 3, 8]).to(type), learned);
            Assert.All(output.ToDoubles(), number => Assert.True(double.IsNaN(number)));
            output.sum().backward();
            Assert.NotNull(learned.grad);
        }
    }

    [Fact]
    public void FusedForm_FarAway_IsNotTheMeanOfTheValues()
    {
        // In float32 every squared distance is infinite, and the textbook's weights NaN.
        foreach (double far in new[] { 1e19, 1e25, 3e38 })
        {
            PoolingProblem problem = PoolingProblem.Random(3, 4, 2, 1, seed: 2, type: ScalarType.Float32);
            problem.Queries.FillInPlace(far);
            Assert.All(Pooled("fused", problem)!, number => Assert.True(double.IsNaN(number)));
        }

        // What is only far is as it was.
        PoolingProblem near = PoolingProblem.Random(3, 4, 2, 1, seed: 2, type: ScalarType.Float32);
        near.Queries.FillInPlace(1e6);
        Assert.All(Pooled("fused", near)!, number => Assert.True(double.IsFinite(number)));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryModelAndMethod_ShowsAWThatRanAway(string name)
    {
        (Tensor x, Tensor y) = KernelModels.Data(name, ScalarType.Float32);
        var batch = new Batch(x, y, Numbers(KernelModels.Examples));
        foreach (SmoothingKernel kernel in KernelModels.Kernels)
        {
            foreach (AttentionMethod method in Enum.GetValues<AttentionMethod>())
            {
                if (method == AttentionMethod.Streaming && (name is "regional" or "each key's own" || kernel != SmoothingKernel.Gaussian))
                {
                    continue;
                }

                foreach (double w in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e30 })
                {
                    using NWKernelRegression model = KernelModels.Create(name, x, y, new() { Kernel = kernel, LeaveOneOut = true });
                    model.Method = method;
                    using (no_grad())
                    {
                        model.W.FillInPlace(w);
                    }

                    Assert.False(double.IsFinite(model.TrainingStep(batch).ToDouble()));
                    Assert.False(double.IsFinite(model.call(x.Minus(0.5)).sum().ToDouble()));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryModel_ShowsValuesThatRanAway(string name)
    {
        (Tensor x, Tensor y) = KernelModels.Data(name);
        var batch = new Batch(x, y, Numbers(KernelModels.Examples));
        foreach (AttentionMethod method in new[] { AttentionMethod.Auto, AttentionMethod.Textbook, AttentionMethod.Engine })
        {
            foreach (double bad in new[] { double.NaN, double.PositiveInfinity })
            {
                using NWKernelRegression model = KernelModels.Create(name, x, y, new() { LearnValues = true });
                model.Method = method;
                using (no_grad())
                {
                    model.named_parameters().Single(parameter => parameter.name == "values").parameter[3].FillInPlace(bad);
                }

                Assert.False(double.IsFinite(model.TrainingStep(batch).ToDouble()));
            }
        }
    }

    [Fact]
    public void TrainingOfValuesThatOverflow_EndsAsOneThatDiverged()
    {
        using var data = new NonlinearData(n: 50, batchSize: 50);
        var options = new KernelModelOptions { LearnValues = true, LearningRate = 1e38 };
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, options);
        Assert.Throws<TrainingDivergedException>(() => new Trainer(new TrainerOptions { MaxEpochs = 50 }).Fit(model, data));
    }

    [Fact]
    public void EveryKernel_PassesNaNOn()
    {
        Tensor squares = tensor(new[,] { { 0.5, double.NaN, 2 }, { 0.5, 0.25, 2 }, { 3, double.NaN, 4 } });
        foreach (SmoothingKernel kernel in SmoothingKernel.All)
        {
            Tensor weights = KernelWeights.Compute(kernel, squares);
            Assert.False(weights[0].sum().isfinite().ToBoolean());
            Assert.Equal(1, weights[1].sum().ToDouble(), 1e-15);
            Assert.False(weights[2].sum().isfinite().ToBoolean());
        }
    }

    [Fact]
    public void AttentionRegression_ShowsParametersThatRanAway()
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance");
        foreach (AttentionScore score in Enum.GetValues<AttentionScore>())
        {
            using var model = new AttentionRegression(x, y, new() { Score = score });
            using (no_grad())
            {
                model.parameters().First().FillInPlace(double.NaN);
            }

            Assert.All(model.call(x).ToDoubles(), number => Assert.True(double.IsNaN(number)));
        }
    }

    // Null where the form refuses the numbers.
    private static double[]? Pooled(string form, PoolingProblem problem)
    {
        try
        {
            return (form switch
            {
                "engine" => EnginePooling.Pool<Gaussian>(problem.Queries, problem.Keys, problem.Values, problem.W),
                "streaming" => StreamingPooling.Pool(problem.Queries, problem.Keys, problem.Values, problem.W),
                _ => SdpaPooling.Pool(problem.Queries, problem.Keys, problem.Values, problem.W),
            }).ToDoubles();
        }
        catch (ArgumentException e) when (form == "engine" && e.Message.StartsWith("Expected finite", StringComparison.Ordinal))
        {
            return null;
        }
    }
}
