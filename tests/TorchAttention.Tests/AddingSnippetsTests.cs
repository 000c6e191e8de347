using System.CommandLine;
using TorchAttention.Models;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Tests;

/// <summary>What the code of <c>docs/adding.md</c> computes.</summary>
public sealed class AddingSnippetsTests
{
    [Fact]
    public void Kernels_AreWhatTheySay()
    {
        (double[] at, KernelRegression curve, KernelModelOptions options) = AddingSnippets.UseKernels();

        Assert.Equal(1, Assert.Single(at), 0.01);
        Assert.Equal("triweight", curve.Options.Kernel.Name);
        Assert.Equal("triweight", options.Kernel.Name);
        Assert.Equal(-Math.Log(5), AddingSnippets.Cauchy.Score(4), 1e-15);
        Assert.Equal(0.25, Assert.Single(KernelPooling.Pool<AddingSnippets.Cauchy>([0.0], [0.0, 1.0], [0.0, 0.75], 1)), 1e-12);
    }
}

/// <summary>The code itself, which <see cref="ReadmeTests"/> compares with the page.</summary>
internal static class AddingSnippets
{
    public static (double[] At, KernelRegression Curve, KernelModelOptions Options) UseKernels()
    {
        double[] x = [.. Enumerable.Range(0, 200).Select(i => i / 100.0)];
        double[] y = [.. x];
        double[] at = KernelPooling.Pool<Triweight>([1.0], x, y, 0.5);
        KernelRegression curve = KernelRegression.Fit(x, y, new KernelRegressionOptions { Kernel = SmoothingKernel.For<Triweight>() });
        var options = new KernelModelOptions { Kernel = SmoothingKernel.For<Triweight>() };    // for NWKernelRegression
        return (at, curve, options);
    }

    public readonly struct Triweight : IPowerKernel<Triweight>
    {
        public static string Name => "triweight";
        public static int P => 2;
        public static int Q => 3;
    }

    public readonly struct Cauchy : IKernel
    {
        public static string Name => "cauchy";
        public static double Support => double.PositiveInfinity;
        public static double Score(double squaredDistance) => -double.LogP1(squaredDistance);

        public static TLanes Weight<TLanes, T>(TLanes argument)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged => TLanes.All(1) / (TLanes.All(1) + argument);

        public static TLanes Slope<TLanes, T>(TLanes argument, TLanes weight)
            where TLanes : struct, ILanes<TLanes, T>
            where T : unmanaged => TLanes.All(2) * weight * weight;
    }

    internal sealed class RiceCriterion(Smoother smoother, bool leaveOutTies) : FitCriterion(smoother, leaveOutTies)
    {
        protected override double Corrected(double meanSquare, double trace, int examples) =>
            2 * trace < examples ? meanSquare / (1 - (2 * trace / examples)) : double.PositiveInfinity;

        protected override double Slope(double score, double ofMeanSquare, double trace, double ofTrace, double examples) =>
            score * (ofMeanSquare + (2 / (examples - (2 * trace)) * ofTrace));
    }

    // What stands around it in the library's class.
    internal static class RulesOfThumb
    {
        public static double[] Normal(SmootherData data, SmoothingKernel kernel) =>
            ForKernel(data, kernel, (data, feature) => 1.06 * Scott(data, feature));

        private static double[] ForKernel(SmootherData data, SmoothingKernel kernel, Func<SmootherData, int, double> formula) =>
            [.. Enumerable.Range(0, data.Features).Select(j => formula(data, j) * kernel.CanonicalBandwidth)];

        private static double Scott(SmootherData data, int feature) => data.DeviationOf(feature);
    }

    internal static class KernelsCommand
    {
        public static Command Create()
        {
            var command = new Command("kernels", "List the kernels");
            command.SetAction(_ => Write(System.Console.Out));
            return command;
        }

        private static void Write(TextWriter output)
        {
            foreach (SmoothingKernel kernel in SmoothingKernel.All)
            {
                output.WriteLine($"{kernel.Name,-12} reaches {kernel.Support}");
            }
        }
    }

    public sealed class LogKernelRegression : NWKernelRegression
    {
        public LogKernelRegression(Tensor keys, Tensor values, KernelModelOptions options)
            : base(nameof(LogKernelRegression), keys, values, options)
        {
            RegisterComponents();
            using IDisposable noGradients = no_grad();
            W.log_();
        }

        public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => [("w", Math.Exp(W.ToDouble()))];

        protected override Tensor InverseBandwidths() => W.exp();

        internal static ModelKind Kind { get; } = new KernelModelKind<LogKernelRegression>(
            "log_kernel_regression", KernelWidths.Shared, (keys, values, options) => new LogKernelRegression(keys, values, options));
    }

    // What stands around it: the rest of a method of the engine.
    internal sealed class EveryQuery(PoolingProblem<double> problem, object writer) : IPoolingMethod
    {
        public PoolingMethod Name => PoolingMethod.Exact;

        public string Merit => "";

        public double Cost => 8 * problem.Pairs;

        public string? Doubt() => "it is for comparison";

        public void Run() =>
            problem.Work.ForEach(problem.QueryCount, () => new Worker(problem, writer), (query, worker) => worker.Answer(query));

        private sealed class Worker(PoolingProblem<double> problem, object writer) : IDisposable
        {
            public void Answer(int query) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(query, problem.QueryCount, $"{writer}");

            public void Dispose()
            {
            }
        }
    }
}
