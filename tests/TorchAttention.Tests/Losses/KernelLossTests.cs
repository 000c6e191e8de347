using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Tests.Losses;

/// <summary>The parts of a batch's slices beside the sums over all pairs, and the loss beside it.</summary>
public sealed class KernelLossTests
{
    private const int Keys = 60;

    public static TheoryData<string, string, bool> Cases => new(
        from widths in (string[])["shared", "features", "regions", "keys"]
        from kernel in (string[])["gaussian", "tricube"]
        from leavesOneOut in (bool[])[false, true]
        select (widths, kernel, leavesOneOut));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Slices_AddUpToTheBatch(string widths, string kernel, bool leavesOneOut)
    {
        Batch batch = Make(widths, kernel, leavesOneOut);
        LossPart[] parts = [.. Enumerable.Range(0, 4).Select(slice => batch.PartOf(slice * 15, 15, batch.W))];

        Assert.Equal(batch.Squares(batch.W), parts.Sum(part => part.Squares), 1e-11);
        for (int j = 0; j < batch.W.Length; j++)
        {
            const double step = 1e-5;
            double slope = (batch.Squares(Moved(j, step)) - batch.Squares(Moved(j, -step))) / (2 * step) / (2 * Keys);
            Assert.Equal(slope, parts.Sum(part => part.Gradient[j]), 1e-7);
        }

        LossPart whole = batch.PartOf(0, Keys, batch.W);
        Assert.Equal(whole.Squares, parts.Sum(part => part.Squares), 1e-12 * whole.Squares);

        double[] Moved(int j, double by) => [.. batch.W.Select((w, i) => i == j ? w + by : w)];
    }

    [Fact]
    public void Loss_AloneHasNoGradient()
    {
        Batch batch = Make("regions", "gaussian", leavesOneOut: true);
        LossPart with = batch.PartOf(0, 20, batch.W);
        LossPart without = batch.Loss.PartOf(batch.Slice(0, 20), new LossAsked(batch.W, Keys, HasGradient: false), default);

        Assert.Equal((with.Squares, 0), (without.Squares, without.Gradient.Length));
    }

    private static Batch Make(string widths, string kernel, bool leavesOneOut)
    {
        var random = new Random(5);
        int features = widths is "shared" or "features" ? 2 : 1;
        double[] x = [.. Enumerable.Range(0, Keys * features).Select(_ => 3 * random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, Keys).Select(i => Math.Sin(2 * x[i * features]) + random.NextDouble())];
        int[]? regions = widths switch
        {
            "regions" => [.. Enumerable.Range(0, Keys).Select(i => x[i] > 2 ? 2 : x[i] > 1 ? 1 : 0)],
            "keys" => [.. Enumerable.Range(0, Keys).Reverse()],
            _ => null,
        };
        int count = regions?.Max() + 1 ?? (widths == "features" ? features : 1);
        double[] w = [.. Enumerable.Range(0, count).Select(_ => 0.7 + (random.NextDouble() / 2))];
        return new Batch(SmoothingKernel.Find(kernel)!, x, y, w, regions, leavesOneOut);
    }

    /// <summary>All keys as examples.</summary>
    private sealed class Batch(SmoothingKernel kernel, double[] x, double[] y, double[] w, int[]? regions, bool leavesOneOut)
    {
        private readonly int _features = x.Length / y.Length;

        public double[] W => w;

        public KernelLoss<double> Loss { get; } = new(kernel, new Samples<double>(x, y, x.Length / y.Length), regions);

        public LossSlice<double> Slice(int first, int count) => new(
            x.AsMemory(first * _features, count * _features), y.AsMemory(first, count),
            leavesOneOut ? Enumerable.Range(first, count).ToArray() : default);

        public LossPart PartOf(int first, int count, double[] at) =>
            Loss.PartOf(Slice(first, count), new LossAsked(at, Keys, HasGradient: true), default);

        // Pair by pair.
        public double Squares(double[] at) => Enumerable.Range(0, Keys).Sum(query =>
        {
            (double weights, double sum) = (0, 0);
            for (int key = 0; key < Keys; key++)
            {
                double square = 0;
                for (int j = 0; j < _features; j++)
                {
                    double own = regions is not null ? at[regions[key]] : at[at.Length == 1 ? 0 : j];
                    square += Math.Pow((x[(query * _features) + j] - x[(key * _features) + j]) * own, 2);
                }

                double weight = leavesOneOut && key == query ? 0 : kernel.Weight(square);
                weights += weight;
                sum += weight * y[key];
            }

            return Math.Pow((sum / weights) - y[query], 2);
        });
    }
}
