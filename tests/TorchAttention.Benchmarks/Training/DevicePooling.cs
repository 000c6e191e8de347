using System.Diagnostics;
using TorchAttention.Pooling;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// Gaussian pooling and local linear attention on a device: every pair in tiles beside libtorch's fused <c>scaled_dot_product_attention</c>
/// on the same numbers, which is PyTorch's.
/// </summary>
internal static class DevicePooling
{
    private const int Turns = 5;
    private const long Alignment = 8;

    // Of 10^12 pairs of 64 features one run is a minute on a good card.
    private const double MostWork = 1e12;

    public static void Print(string name, bool isSmall)
    {
        Device device = ComputeDevice.Parse(name);
        using IDisposable noGradients = no_grad();
        int[] sizes = isSmall ? [500, 2_000] : [10_000, 100_000, 1_000_000];
        Console.WriteLine("| pooling, float32, n queries and keys | n | tiles, ms | SDPA, ms | SDPA : tiles | outputs differ by |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (int d in (int[])[1, 3, 64])
        {
            foreach (int n in sizes.Where(n => (double)n * n * Math.Max(1, d / 4) <= MostWork))
            {
                Pooling(d, n, device);
            }
        }

        Console.WriteLine();
        Console.WriteLine("| local linear attention, float32, 3 features, output and gradients | n | ms | means in its place, ms |");
        Console.WriteLine("|---|---|---|---|");
        foreach (int n in isSmall ? sizes : sizes[..2])
        {
            LocalLinear(n, device);
        }
    }

    private static void Pooling(int d, int n, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, Tensor y) = Draw(n, d, device);
        Tensor w = full([1], 2 / Math.Sqrt(d), device: device);
        long length = (d + 1 + Alignment - 1) / Alignment * Alignment;

        // The weights of exp(-|q - k|^2 w^2 / 2) as those of dot products: (q w, 1) and (k w, -|k w|^2 / 2).
        Tensor k = x * w;
        Tensor ones = ones_like(k.narrow(1, 0, 1));
        Tensor queries = Padded(cat([k, ones], 1).mul(Math.Sqrt(length)), length);
        Tensor keys = Padded(cat([k, k.mul(k).sum(dim: 1, keepdim: true).mul(-0.5)], 1), length);
        Tensor values = Padded(y.unsqueeze(1), length);
        Tensor Tiles() => StreamingPooling.Pool(x, x, y, w);
        Tensor Fused() => nn.functional.scaled_dot_product_attention(queries, keys, values);

        double apart = (Tiles() - Fused().reshape(n, length).select(1, 0)).abs().max().ToDouble();
        (double[] tiles, double[] fused) = (new double[Turns], new double[Turns]);
        for (int i = 0; i < Turns; i++)
        {
            (tiles[i], fused[i]) = (Time(Tiles), Time(Fused));
        }

        (double here, double there) = (Median(tiles), Median(fused));
        Console.WriteLine(FormattableString.Invariant($"| d = {d} | {n} | {here:G4} | {there:G4} | {there / here:G3} | {apart:0e+0} |"));
    }

    private static void LocalLinear(int n, Device device)
    {
        using IDisposable gradients = enable_grad();
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, Tensor y) = Draw(n, 3, device);
        Tensor w = full([3], 2.0f, device: device).requires_grad_();
        Tensor ridge = full([1], 0.01f, device: device).requires_grad_();
        Tensor Planes() => LocalLinearPooling.Pool(x, x, y, w, ridge);
        Tensor Means() => device.type == DeviceType.CPU
            ? TorchAttention.Pooling.EnginePooling.Pool(Numerics.Kernels.SmoothingKernel.Gaussian, x, x, y, w)
            : StreamingPooling.Pool(x, x, y, w);
        (double[] planes, double[] means) = (new double[Turns], new double[Turns]);
        Time(() => Descended(Planes));
        Time(() => Descended(Means));
        for (int i = 0; i < Turns; i++)
        {
            (planes[i], means[i]) = (Time(() => Descended(Planes)), Time(() => Descended(Means)));
        }

        Console.WriteLine(FormattableString.Invariant($"| | {n} | {Median(planes):G4} | {Median(means):G4} |"));

        Tensor Descended(Func<Tensor> pool)
        {
            pool().pow(2).mean().backward();
            return w.grad!;
        }
    }

    private static (Tensor X, Tensor Y) Draw(int n, int d, Device device)
    {
        using var generator = new Generator(7);
        Tensor x = randn([n, d], generator: generator);
        Tensor y = x.select(1, 0).sin().add(randn([n], generator: generator).mul(0.1));
        return (x.to(device), y.to(device));
    }

    private static Tensor Padded(Tensor rows, long length)
    {
        Tensor zeros = torch.zeros([rows.size(0), length - rows.size(1)], device: rows.device);
        return cat([rows, zeros], 1).reshape(1, 1, rows.size(0), length);
    }

    // A device is waited for by reading a number.
    private static double Time(Func<Tensor> run)
    {
        using DisposeScope scope = NewDisposeScope();
        long started = Stopwatch.GetTimestamp();
        run().sum().ToDouble();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static double Median(double[] times) => times.Order().ElementAt(Turns / 2);
}
