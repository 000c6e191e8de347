using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using static TorchAttention.Tests.AddingSnippets;

namespace TorchAttention.Tests.Kernels;

/// <summary>Kernels chosen when the program runs, those of the family (1 - r^p)^q and of one's own.</summary>
public sealed class SmoothingKernelTests
{
    public static TheoryData<string> Names => [.. SmoothingKernel.All.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void MomentsThatAKernelSays_AreItsIntegrals(string name)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(name)!;
        (double roughness, double secondMoment) = kernel.Call<Integrals, (double, double)>(default);
        Assert.Equal(kernel.Roughness, roughness, 1e-9 * roughness);
        Assert.Equal(kernel.SecondMoment, secondMoment, 1e-9 * secondMoment);
    }

    [Fact]
    public void KernelsOfOnesOwn_ArePooledByEveryMethodThatCanTakeThem()
    {
        Check<Triweight>(
            u => Math.Pow(Math.Max(0, 1 - (u * u)), 3), [PoolingMethod.Exact, PoolingMethod.Tree, PoolingMethod.Line, PoolingMethod.Auto]);
        Check<Quintic>(
            u => Math.Pow(Math.Max(0, 1 - Math.Pow(Math.Abs(u), 5)), 4), [PoolingMethod.Exact, PoolingMethod.Tree, PoolingMethod.Line]);
        Check<Cauchy>(u => 1 / (1 + (u * u)), [PoolingMethod.Exact, PoolingMethod.Auto]);
    }

    [Fact]
    public void KernelsOfOnesOwn_AreFittedAndLookedFor()
    {
        double[] x = [.. Enumerable.Range(0, 200).Select(i => i / 40.0)];
        double[] y = [.. x.Select((x, i) => Math.Sin(3 * x) + (0.1 * Math.Cos(1e4 * i * i)))];
        var triweight = SmoothingKernel.For<Triweight>();
        KernelRegression own = KernelRegression.Fit(x, y, new KernelRegressionOptions { Kernel = triweight });
        KernelRegression known = KernelRegression.Fit(x, y, new KernelRegressionOptions { Kernel = SmoothingKernel.Biweight });

        Assert.Same(triweight, SmoothingKernel.For<Triweight>());
        Assert.Equal(350.0 / 429, triweight.Roughness, 1e-15);
        Assert.Equal(1.0 / 9, triweight.SecondMoment, 1e-15);
        Assert.Equal(
            triweight.CanonicalBandwidth / SmoothingKernel.Biweight.CanonicalBandwidth, own.Bandwidths[0] / known.Bandwidths[0], 0.1);
        Assert.InRange(own.Search!.Trials.Min(trial => trial.Score) / known.Search!.Trials.Min(trial => trial.Score), 0.95, 1.05);
    }

    [Fact]
    public void KernelThatFallsTooSlowly_HasNoSecondMomentAndNoRuleOfThumb()
    {
        var cauchy = SmoothingKernel.For<Cauchy>();

        Assert.Equal(1 / (2 * Math.PI), cauchy.Roughness, 1e-9);
        Assert.Equal(double.PositiveInfinity, cauchy.SecondMoment);
        Assert.All([BandwidthRule.Silverman, BandwidthRule.Scott, BandwidthRule.PlugIn], rule =>
        {
            RegressionDataException e = Assert.Throws<RegressionDataException>(
                () => KernelRegression.Fit(
                    [0, 1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1, 0],
                    new KernelRegressionOptions { Kernel = cauchy, Bandwidth = Bandwidth.By(rule) }));

            Assert.Equal(RegressionProblem.NoBandwidth, e.Kind);
        });
    }

    // A file names its kernel, and only the library's are found by their names.
    [Fact]
    public void ModelWithAKernelOfOnesOwn_IsNotSaved()
    {
        KernelRegression model = KernelRegression.Fit(
            [0, 1, 2], [0, 1, 0], new KernelRegressionOptions { Kernel = SmoothingKernel.For<Triweight>(), Bandwidth = 1.5 });
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

        Assert.Contains("triweight", Assert.Throws<NotSupportedException>(() => model.Save(path)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    private static void Check<TKernel>(Func<double, double> kernel, PoolingMethod[] methods)
        where TKernel : IKernel
    {
        double[] keys = [.. Enumerable.Range(0, 300).Select(i => Math.Pow(i / 100.0, 1.5))];
        double[] values = [.. keys.Select(Math.Cos)];
        double[] queries = [.. Enumerable.Range(0, 40).Select(i => i / 8.0)];
        double[] got = new double[queries.Length];
        double[] gradient = new double[queries.Length];
        foreach (PoolingMethod method in methods)
        {
            Ask(got, gradient, 0.8, method);
            for (int i = 0; i < queries.Length; i++)
            {
                Assert.Equal(Expected(queries[i], 0.8), got[i], 1e-11);
                Assert.Equal((Expected(queries[i], 1 / (1.25 + 1e-6)) - Expected(queries[i], 1 / (1.25 - 1e-6))) / 2e-6, gradient[i], 1e-7);
            }
        }

        void Ask(double[] to, double[] byW, double h, PoolingMethod method) => SmoothingKernel.For<TKernel>().Pool(
            new PoolingInput<double> { Queries = queries, Keys = keys, Values = values, Bandwidths = [h] },
            new PoolingOutput<double> { Values = to, InverseBandwidthGradient = byW },
            new PoolingOptions { Method = method });

        double Expected(double query, double h)
        {
            double[] weights = [.. keys.Select(key => kernel((query - key) / h))];
            return weights.Zip(values, (weight, value) => weight * value).Sum() / weights.Sum();
        }
    }

    private readonly struct Integrals : IKernelCall<(double, double)>
    {
        public (double, double) Run<TKernel>()
            where TKernel : IKernel => KernelMoments.Integrate<TKernel>();
    }

    private readonly struct Quintic : IPowerKernel<Quintic>
    {
        public static string Name => "quintic";

        public static int P => 5;

        public static int Q => 4;
    }
}
