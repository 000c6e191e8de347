using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Engine;

/// <summary>Samples that are prepared once and asked many times.</summary>
public sealed class PoolerTests
{
    public static TheoryData<string, int, int, PoolingMethod> Forms
    {
        get
        {
            var forms = new TheoryData<string, int, int, PoolingMethod>();
            foreach (string kernel in (string[])["gaussian", "epanechnikov", "tricube"])
            {
                for (int degree = 0; degree <= 1; degree++)
                {
                    forms.Add(kernel, 1, degree, PoolingMethod.Line);
                    foreach (PoolingMethod method in (PoolingMethod[])[PoolingMethod.Exact, PoolingMethod.Tree])
                    {
                        forms.Add(kernel, 1, degree, method);
                        forms.Add(kernel, 2, degree, method);
                    }
                }
            }

            return forms;
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Answers_HaveTheBitsOfOneCall(string kernelName, int features, int degree, PoolingMethod method)
    {
        SmoothingKernel kernel = SmoothingKernel.Find(kernelName)!;
        (double[] keys, double[] values, double[] weights) = Data(3000, features);
        double[] bandwidths = [.. Enumerable.Repeat(0.2, features)];
        var options = new PoolingOptions { Degree = degree, Method = method, NoNeighbour = NoNeighbourPolicy.Nearest };
        using var samples = new Samples<double>(keys, values, features, weights);
        using var pooler = new Pooler<double>(kernel, samples, new PoolingWidths { Bandwidths = bandwidths }, options);

        // What is prepared by the first is used by the second, which asks for other sums, and by the third.
        foreach (bool hasGradient in (bool[])[false, true, false])
        {
            double[] queries = Data(70, features, seed: 2).Keys;
            int[] leftOut = [.. Enumerable.Range(0, 70).Select(i => i % 3 == 0 ? -1 : i)];
            var expected = new Answers(70, features, hasGradient);
            var actual = new Answers(70, features, hasGradient);
            kernel.Pool(
                new PoolingInput<double>
                {
                    Queries = queries,
                    Keys = keys,
                    Values = values,
                    SampleWeights = weights,
                    Bandwidths = bandwidths,
                    LeftOut = leftOut,
                },
                expected.Output,
                options);
            PoolingReport report = pooler.At(queries, actual.Output, leftOut);
            Assert.Equal(method, report.Method);
            Assert.Equal(expected.Numbers, actual.Numbers);
        }
    }

    [Fact]
    public void Threads_AskAtOnceAndGetTheSame()
    {
        (double[] keys, double[] values, double[] weights) = Data(20_000, 1);
        using var samples = new Samples<double>(keys, values, 1, weights);
        using var wide = new Pooler<double>(SmoothingKernel.Gaussian, samples, new PoolingWidths { InverseBandwidths = [4] });
        using var narrow = new Pooler<double>(SmoothingKernel.Biweight, samples, new PoolingWidths { Bandwidths = [0.1] });
        double[] queries = Data(500, 1, seed: 3).Keys;
        double[][] answers = new double[16][];
        Parallel.For(0, answers.Length, i =>
        {
            answers[i] = new double[2 * queries.Length];
            wide.At(queries, new PoolingOutput<double> { Values = answers[i].AsSpan(0, queries.Length) });
            narrow.At(queries, new PoolingOutput<double> { Values = answers[i].AsSpan(queries.Length) });
        });
        Assert.All(answers, answer => Assert.Equal(answers[0], answer));
        Assert.Equal(
            KernelPooling.Pool<Gaussian>(queries, keys, values, 0.25), answers[0][..queries.Length], (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Fact]
    public void OneQuery_IsAnsweredFromWhatIsPrepared()
    {
        (double[] keys, double[] values, _) = Data(100_000, 1);
        using var samples = new Samples<double>(keys, values);
        using var pooler = new Pooler<double>(SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = [0.05] });
        double[] answer = new double[1];
        Assert.Equal(PoolingMethod.Line, pooler.At([0.5], new PoolingOutput<double> { Values = answer }).Method);
        Assert.Equal(KernelPooling.Pool<Gaussian>([0.5], keys, values, 0.05)[0], answer[0], 1e-10);
    }

    [Fact]
    public void WrongQuestions_AreOneLine()
    {
        (double[] keys, double[] values, _) = Data(100, 2);
        var samples = new Samples<double>(keys, values, 2);
        var widths = new PoolingWidths { Bandwidths = [1, 1] };
        var pooler = new Pooler<double>(SmoothingKernel.Gaussian, samples, widths);
        double[] answer = new double[1];

        Refused<ArgumentException>("Expected Queries row by row, a multiple of 2 numbers for 2 bandwidths, got 3.", () => At([1, 2, 3]));
        Refused<ArgumentException>("Expected finite Queries, got NaN in row 0, column 1.", () => At([1, double.NaN]));
        Refused<ArgumentException>("Expected Values of length 2, got 1.", () => At([1, 2, 3, 4]));
        Refused<ArgumentException>(
            "Expected a bandwidth for each of 2 features, got 1.",
            () => _ = new Pooler<double>(SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = [1] }));
        Refused<ArgumentException>(
            "Expected values (n, v) for 50 keys, got 99 numbers.", () => _ = new Samples<double>(keys[..100], values[..99], 2));
        pooler.Dispose();
        Refused<ObjectDisposedException>("Cannot access a disposed object.", () => At([1, 2]));
        samples.Dispose();
        Refused<ObjectDisposedException>(
            "Cannot access a disposed object.", () => _ = new Pooler<double>(SmoothingKernel.Gaussian, samples, widths));

        void At(double[] queries) => pooler.At(queries, new PoolingOutput<double> { Values = answer });

        static void Refused<TException>(string message, Action ask)
            where TException : Exception =>
            Assert.StartsWith(message, Assert.Throws<TException>(ask).Message, StringComparison.Ordinal);
    }

    private static (double[] Keys, double[] Values, double[] Weights) Data(int count, int features, int seed = 1)
    {
        var random = new Random(seed);
        double[] keys = [.. Enumerable.Range(0, count * features).Select(_ => random.NextDouble() * 3)];
        double[] values = [.. Enumerable.Range(0, count).Select(i => Math.Sin(3 * keys[i * features]) + random.NextDouble())];
        return (keys, values, [.. Enumerable.Repeat(1.0, count)]);
    }

    private sealed class Answers(int queries, int features, bool hasGradient)
    {
        private readonly double[] _values = new double[queries];
        private readonly double[] _neighbours = new double[hasGradient ? queries : 0];
        private readonly double[] _gradient = new double[hasGradient ? queries * features : 0];
        private readonly double[] _own = new double[queries];

        public PoolingOutput<double> Output => new()
        {
            Values = _values,
            EffectiveNeighbours = _neighbours,
            InverseBandwidthGradient = _gradient,
            OwnWeight = _own,
        };

        public double[] Numbers => [.. _values, .. _neighbours, .. _gradient, .. _own];
    }
}
