using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Tests.Pooling;

namespace TorchAttention.Tests.Models;

/// <summary>What every model with a learned kernel holds to, whatever its kernel and however it is computed.</summary>
public sealed class KernelModelContract : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string, string> Models()
    {
        var models = new TheoryData<string, string>();
        foreach (string name in KernelModels.Names)
        {
            models.AddRange(
                [.. KernelModels.Kernels.Where(kernel => KernelModels.Takes(name, kernel)).Select(kernel => (name, kernel.Name))]);
        }

        return models;
    }

    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryMethod_HasTheTextbooksNumbers(string name, string kernel)
    {
        foreach ((ScalarType type, double tolerance) in new[] { (ScalarType.Float64, 1e-10), (ScalarType.Float32, 1e-5) })
        {
            foreach (bool leaveOneOut in new[] { false, true })
            {
                KernelModelOptions options = Options(kernel, leaveOneOut);
                Tensor[] expected = Numbers(name, options, type, AttentionMethod.Textbook);
                foreach (AttentionMethod method in Methods(name, options))
                {
                    Tensor[] actual = Numbers(name, options, type, method);
                    Assert.Equal(expected.Length, actual.Length);
                    Assert.All(expected.Zip(actual), pair => PoolingProblem.AssertClose(pair.First, pair.Second, tolerance));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_AreTheDifferenceQuotients(string name, string kernel)
    {
        const double Step = 1e-6;
        foreach (bool leaveOneOut in new[] { false, true })
        {
            using NWKernelRegression model = Create(name, Options(kernel, leaveOneOut), ScalarType.Float64, out Batch batch);
            model.TrainingStep(batch).backward();
            string[] learned = [.. model.Options.LearnRidge ? ["log_ridge"] : Array.Empty<string>(), "values", "w"];
            Assert.Equal(learned, model.named_parameters().Select(parameter => parameter.name).Order(StringComparer.Ordinal));
            foreach (TorchSharp.Modules.Parameter parameter in model.parameters())
            {
                double[] gradient = parameter.grad!.ToDoubles();
                Assert.Contains(gradient, slope => Math.Abs(slope) > 1e-4);
                for (int i = 0; i < gradient.Length; i += Math.Max(1, gradient.Length / 7))
                {
                    double slope = (At(i, Step) - At(i, -Step)) / (2 * Step);
                    Assert.Equal(slope, gradient[i], 1e-6 * (1 + Math.Abs(slope)));
                }

                double At(int element, double step)
                {
                    using IDisposable noGradients = no_grad();
                    parameter[element].AddInPlace(step);
                    double loss = model.TrainingStep(batch).ToDouble();
                    parameter[element].AddInPlace(-step);
                    return loss;
                }
            }
        }
    }

    // The loss f^2 + (df/dq)^2, as of a curve that is to be smooth.
    [Theory]
    [MemberData(nameof(Models))]
    public void EveryMethod_HasTheTextbooksSecondDerivatives(string name, string kernel)
    {
        foreach (bool leaveOneOut in new[] { false, true })
        {
            KernelModelOptions options = Options(kernel, leaveOneOut);
            Tensor[] expected = Smoothness(AttentionMethod.Textbook, options);
            Assert.All(expected, gradient => Assert.True(gradient.abs().max().ToDouble() > 1e-3));
            foreach (AttentionMethod method in Methods(name, options))
            {
                Assert.All(expected.Zip(Smoothness(method, options)), pair => PoolingProblem.AssertClose(pair.First, pair.Second, 1e-9));
            }
        }

        Tensor[] Smoothness(AttentionMethod method, KernelModelOptions options)
        {
            using NWKernelRegression model = Create(name, options, ScalarType.Float64, out Batch batch);
            model.Method = method;
            Tensor queries = batch.X.Minus(0.05).requires_grad_();
            Tensor output = options.LeaveOneOut ? model.PredictWithout(batch with { X = queries }) : model.call(queries);
            Tensor slopes = autograd.grad([output.sum()], [queries], create_graph: true, retain_graph: true)[0];
            output.Squared().sum().Plus(slopes.Squared().sum()).backward();
            return [queries.grad!.clone(), .. model.parameters().Select(parameter => parameter.grad!.clone())];
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void PredictWithout_IsThePredictionWithThePairRemoved(string name, string kernel)
    {
        KernelModelOptions options = Options(kernel, leaveOneOut: true);
        using NWKernelRegression model = Create(name, options, ScalarType.Float64, out Batch batch);
        double[] without = model.PredictWithout(batch).ToDoubles();
        Tensor weights = model.AttentionWeights!;
        (Tensor x, Tensor y) = KernelModels.Data(name);

        weights.CheckShape(batch.X.shape[0], KernelModels.Examples - 1);
        Assert.All(weights.sum(dim: 1).ToDoubles(), sum => Assert.Equal(1, sum, 1e-12));
        foreach ((int place, long index) in batch.Indices.data<long>().ToArray().Index())
        {
            Tensor others = Held.Range(KernelModels.Examples, CPU);
            others = others[others.not_equal(index)];
            using NWKernelRegression rest = KernelModels.Create(name, x[others], y[others], options);
            Assert.Equal(rest.call(x[index].unsqueeze(0)).ToDouble(), without[place], 1e-10);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Training_IsTheSameOnEveryDevice(string device)
    {
        foreach (string name in KernelModels.Names)
        {
            double[] expected = Train(name, "cpu");
            Assert.All(expected.Zip(Train(name, device)), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
        }

        static double[] Train(string name, string device)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor x, Tensor y) = KernelModels.Data(name, device: device);
            using NWKernelRegression model = KernelModels.Create(name, x, y, Options("tricube", leaveOneOut: true));
            using optim.Optimizer optimizer = model.ConfigureOptimizers();
            var batch = new Batch(x, y, Held.Range(KernelModels.Examples, x.device));
            for (int i = 0; i < 5; i++)
            {
                optimizer.zero_grad();
                model.TrainingStep(batch).backward();
                optimizer.step();
            }

            return [.. model.W.ToDoubles(), .. model.call(x).ToDoubles()];
        }
    }

    [Fact]
    public void LearnedNumbers_AreWByName()
    {
        Assert.Equal("w", Names("nw"));
        Assert.Equal("w", Names("nw of 2 features"));
        Assert.Equal("w_1 w_2", Names("relevance"));
        Assert.Equal("w_1", Names("relevance of 1 feature"));
        Assert.Equal("w_1 w_2 w_3 w_4", Names("regional"));
        Assert.Equal("w_least w_median w_most", Names("each key's own"));

        string Names(string name)
        {
            using NWKernelRegression model = Create(name, Options("gaussian", leaveOneOut: false), ScalarType.Float32, out _);
            IReadOnlyList<(string Name, double Value)> numbers = model.LearnedNumbers();
            Assert.All(numbers, number => Assert.Equal(1.125, number.Value));
            return string.Join(' ', numbers.Select(number => number.Name));
        }
    }

    private static KernelModelOptions Options(string kernel, bool leaveOneOut) =>
        new()
        {
            Kernel = SmoothingKernel.Find(kernel)!,
            LeaveOneOut = leaveOneOut,
            LearnValues = true,
            InitialW = 1.125,
            LearningRate = 0.1
        };

    private static IEnumerable<AttentionMethod> Methods(string name, KernelModelOptions options)
    {
        yield return AttentionMethod.Auto;
        yield return AttentionMethod.Engine;
        if (name is not ("regional" or "each key's own") && options.Kernel == SmoothingKernel.Gaussian)
        {
            yield return AttentionMethod.Streaming;
        }
    }

    private static Tensor[] Numbers(string name, KernelModelOptions options, ScalarType type, AttentionMethod method)
    {
        using NWKernelRegression model = Create(name, options, type, out Batch batch);
        model.Method = method;
        Tensor loss = model.TrainingStep(batch);
        loss.backward();
        Tensor inTraining = model.AttentionWeights!.clone();
        using IDisposable noGradients = no_grad();
        Tensor predicted = model.call(batch.X.Minus(0.05));
        return [loss.reshape(1), inTraining, predicted, model.AttentionWeights!.clone(),
            .. model.parameters().Select(parameter => parameter.grad!.clone())];
    }

    private static NWKernelRegression Create(string name, KernelModelOptions options, ScalarType type, out Batch batch)
    {
        (Tensor x, Tensor y) = KernelModels.Data(name, type);
        Tensor indices = tensor([0L, 3L, 8L, 14L, 22L, 29L, 49L]);
        batch = new Batch(x[indices], y[indices], indices);
        return KernelModels.Create(name, x, y, options);
    }
}
