using System.Diagnostics;
using TorchAttention.Pooling;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// Forward and gradients of local linear attention beside local constant pooling and beside matrices of tensors, by turns; prints medians.
/// </summary>
internal static class LocalLinearRun
{
    private const int Rounds = 7;
    private const int Features = 3;
    private const int Dense = 2_000;

    public static void Print()
    {
        Console.WriteLine($"queries = keys, d = {Features}, float64, {Environment.ProcessorCount} processors");
        foreach (int n in (int[])[1_000, Dense, 10_000])
        {
            var inputs = new Inputs(n);
            List<double> planes = [];
            List<double> means = [];
            List<double> matrices = [];
            for (int i = 0; i < Rounds; i++)
            {
                planes.Add(Time(() => inputs.Planes()));
                means.Add(Time(() => inputs.Means()));
                if (n <= Dense)
                {
                    matrices.Add(Time(() => inputs.Matrices()));
                }
            }

            string dense = matrices.Count > 0 ? $"; matrices {Median(matrices):F1} ms ({Median(matrices) / Median(planes):F1}x)" : "";
            Console.WriteLine(
                $"n = {n}: planes {Median(planes):F1} ms, means {Median(means):F1} ms ({Median(planes) / Median(means):F1}x){dense}");
        }
    }

    private static double Time(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    private sealed class Inputs(int n)
    {
        private readonly Tensor _keys = randn([n, Features], ScalarType.Float64);
        private readonly Tensor _values = randn([n], ScalarType.Float64);
        private readonly Tensor _w = full([Features], 2.0, ScalarType.Float64).requires_grad_();
        private readonly Tensor _ridge = tensor([0.01]).requires_grad_();

        public void Planes() => Descend(() => LocalLinearPooling.Pool(_keys, _keys, _values, _w, _ridge));

        public void Means() => Descend(
            () => TorchAttention.Pooling.EnginePooling.Pool(Numerics.Kernels.SmoothingKernel.Gaussian, _keys, _keys, _values, _w));

        public void Matrices() => Descend(() =>
        {
            Tensor u = (_keys.unsqueeze(0) - _keys.unsqueeze(1)) * _w;
            Tensor p = (u * u).sum(2).mul(-0.5).softmax(1);
            Tensor mean = p.unsqueeze(1).matmul(u).squeeze(1);
            Tensor centred = u - mean.unsqueeze(1);
            Tensor matrix = (p.unsqueeze(2) * centred).transpose(1, 2).matmul(centred)
                + ((_ridge * ((mean * mean).sum(1) + 1)).reshape(-1, 1, 1) * eye(Features, dtype: ScalarType.Float64));
            Tensor rho = linalg.solve(matrix, mean.unsqueeze(2));
            return (p * (1 - centred.matmul(rho).squeeze(2))).matmul(_values);
        });

        private static void Descend(Func<Tensor> pool)
        {
            using DisposeScope scope = NewDisposeScope();
            pool().pow(2).mean().backward();
        }
    }
}
