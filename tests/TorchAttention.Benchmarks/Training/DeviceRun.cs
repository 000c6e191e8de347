using System.Diagnostics;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// Training steps of each model on a device beside the same steps on the CPU: how far apart loss and gradients are, then what each takes.
/// </summary>
internal static class DeviceRun
{
    private const int Steps = 7;

    /// <summary>Prints both as tables.</summary>
    /// <param name="name">The device.</param>
    /// <param name="isSmall">Whether a few small rows will do, to see that everything runs.</param>
    public static void Print(string name, bool isSmall)
    {
        Device device = ComputeDevice.Parse(name);
        Console.WriteLine($"libtorch {LibTorch.LoadedVersion}, {get_num_threads()} threads, {device}\n");
        Console.WriteLine("| work | keys | batch | loss differs | gradients differ | CPU ms | device ms | ratio |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        Row("nw", 50, 10, 1, device, (x, y) => new NWKernelRegression(x, y));
        if (isSmall)
        {
            Row("nw, learned values", 2_000, 2_000, 2, device, (x, y) =>
                new NWKernelRegression(x, y, new KernelModelOptions { LearnValues = true }));
            Console.WriteLine();
            return;
        }

        Row("nw", 100_000, 1024, 1, device, (x, y) => new NWKernelRegression(x, y));
        Row("nw, all pairs", 20_000, 20_000, 1, device, (x, y) => new NWKernelRegression(x, y));
        Row("nw, all pairs", 100_000, 100_000, 1, device, (x, y) => new NWKernelRegression(x, y));
        Row("nw, all pairs, 8 features", 50_000, 50_000, 8, device, (x, y) => new NWKernelRegression(x, y));
        Row("nw, learned values", 20_000, 20_000, 2, device, (x, y) =>
            new NWKernelRegression(x, y, new KernelModelOptions { LearnValues = true }));
        Row("nw, leave-one-out", 20_000, 20_000, 1, device, (x, y) => new NWKernelRegression(x, y, leaveOneOut: true));
        Row("nw, epanechnikov", 5_000, 5_000, 1, device, (x, y) =>
            new NWKernelRegression(x, y, new KernelModelOptions { Kernel = SmoothingKernel.Epanechnikov }));
        Row("ard", 20_000, 20_000, 3, device, (x, y) =>
            new NWKernelRegression(x, y, new KernelModelOptions { Widths = KernelWidths.PerFeature }));
        Row("region", 5_000, 5_000, 1, device, (x, y) =>
            new NWKernelRegression(x, y, new KernelModelOptions { Widths = KernelWidths.PerRegion }));
        Row("key", 2_000, 2_000, 1, device, (x, y) =>
            new NWKernelRegression(x, y, new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = 2_000 }));
        foreach (AttentionScore score in Enum.GetValues<AttentionScore>())
        {
            var options = new AttentionRegressionOptions { Score = score };
            Row($"{score}", 4_000, 1024, 3, device, (x, y) => new AttentionRegression(x, y, options));
        }

        Console.WriteLine();
    }

    private static void Row(string work, int keys, int batch, int features, Device device, Func<Tensor, Tensor, PairRegression> create)
    {
        using Step cpu = new(keys, batch, features, CPU, create);
        using Step other = new(keys, batch, features, device, create);
        (double loss, double[] gradients) = cpu.Run();
        (double lossThere, double[] gradientsThere) = other.Run();
        double largest = gradients.Max(Math.Abs);
        double apart = gradients.Zip(gradientsThere, (a, b) => Math.Abs(a - b)).Max() / largest;
        double[] here = new double[Steps], there = new double[Steps];
        for (int i = 0; i < Steps; i++)
        {
            here[i] = cpu.Time();
            there[i] = other.Time();
        }

        Array.Sort(here);
        Array.Sort(there);
        (double onCpu, double onDevice) = (here[Steps / 2], there[Steps / 2]);
        double ofLoss = Math.Abs(loss - lossThere) / loss;
        Console.WriteLine(FormattableString.Invariant(
            $"| {work} | {keys} | {batch} | {ofLoss:0.0e+0} | {apart:0.0e+0} | {onCpu:0.00} | {onDevice:0.00} | {onCpu / onDevice:0.0} |"));
    }

    private sealed class Step : IDisposable
    {
        private readonly PairRegression _model;
        private readonly Batch _batch;
        private readonly Tensor[] _tensors;

        public Step(int keys, int batch, int features, Device device, Func<Tensor, Tensor, PairRegression> create)
        {
            using var generator = new Generator(7);
            Tensor x = features == 1 ? rand([keys], generator: generator).mul(5) : rand([keys, features], generator: generator).mul(5);
            Tensor y = (features == 1 ? x : x.sum(1)).sin().mul(2).add(randn([keys], generator: generator).mul(0.5)).add(3);
            (x, y) = (x.to(device), y.to(device));
            Tensor indices = arange(batch, device: device);
            _tensors = [x, y, indices];
            _model = create(x, y);
            _model.to(device);
            _batch = new Batch(x.narrow(0, 0, batch), y.narrow(0, 0, batch), indices);
        }

        public (double Loss, double[] Gradients) Run()
        {
            using DisposeScope scope = NewDisposeScope();
            _model.zero_grad();
            Tensor loss = _model.TrainingStep(_batch);
            loss.backward();
            return (loss.to(ScalarType.Float64).item<double>(), [.. _model.parameters().Where(p => p.grad is not null)
                .SelectMany(p => p.grad!.cpu().to(ScalarType.Float64).reshape(-1).data<double>().ToArray())]);
        }

        public double Time()
        {
            long started = Stopwatch.GetTimestamp();
            Run();
            return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        public void Dispose()
        {
            _model.Dispose();
            foreach (Tensor tensor in _tensors)
            {
                tensor.Dispose();
            }
        }
    }
}
