using System.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Tests.Vectors;

/// <summary>What every width promises, whether the machine has it or the runtime makes it of narrower ones; and kernels on them.</summary>
internal sealed unsafe class LanesChecks<TLanes, T> : ILanesChecks
    where TLanes : struct, ILanes<TLanes, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private static double Unit => typeof(T) == typeof(float) ? 1.0 / (1 << 23) : double.BitIncrement(1) - 1;

    public void Exp2_IsWithinItsStatedError()
    {
        double stated = typeof(T) == typeof(float) ? 2e-7 : 1e-15;
        double least = typeof(T) == typeof(float) ? -125 : -1020;
        var random = new Random(1);
        double worst = 0;
        int tries = LongTests.AreAskedFor ? 200_000 : 50_000;
        for (int i = 0; i < tries; i++)
        {
            double x = Rounded(i < 2000 ? -i / 16.0 : least * Math.Pow(random.NextDouble(), 3));
            worst = Math.Max(worst, Math.Abs((Of(TLanes.Exp2, x) / Math.Pow(2, x)) - 1));
        }

        Assert.InRange(worst, Unit / 8, stated);
    }

    public void Exp2_IsOneAtZeroAndExactAtWholePowersAndNothingFarBelow()
    {
        Assert.Equal(1, Of(TLanes.Exp2, 0));
        Assert.Equal(1, Of(TLanes.Exp2, -0.0));
        Assert.All(Enumerable.Range(1, 120), k => Assert.Equal(Math.ScaleB(1, -k), Of(TLanes.Exp2, -k)));
        Assert.All([-1e4, -1e10, -1e30, double.NegativeInfinity], x => Assert.Equal(0, Of(TLanes.Exp2, x)));

        // Where results are no normal numbers any more they are small, and never garbage.
        double end = typeof(T) == typeof(float) ? -126 : -1022;
        Assert.All(Enumerable.Range(0, 400), i => Assert.InRange(Of(TLanes.Exp2, end - (i / 4.0)), 0, Math.ScaleB(1.0001, (int)end)));
    }

    public void Exp2_NeverRises()
    {
        double[] powers = [.. Enumerable.Range(0, 20_000).Select(i => Of(TLanes.Exp2, Rounded(-i / 4096.0)))];
        Assert.All(powers.Zip(powers.Skip(1)), pair => Assert.True(pair.Second <= pair.First));
    }

    public void Arithmetic_IsThatOfTheNumbers()
    {
        var random = new Random(2);
        for (int i = 0; i < 200; i++)
        {
            T a = T.CreateTruncating(random.NextDouble() - 0.5);
            T b = T.CreateTruncating(random.NextDouble() - 0.5);
            T c = T.CreateTruncating(random.NextDouble());
            AssertAll(a + b, Lanes(a) + Lanes(b));
            AssertAll(a - b, Lanes(a) - Lanes(b));
            AssertAll(a * b, Lanes(a) * Lanes(b));
            AssertAll(a / b, Lanes(a) / Lanes(b));
            AssertAll(T.Min(a, b), TLanes.Min(Lanes(a), Lanes(b)));
            AssertAll(T.Max(a, b), TLanes.Max(Lanes(a), Lanes(b)));
            AssertAll(T.Sqrt(c), TLanes.Sqrt(Lanes(c)));
            AssertAll(a < b ? c : T.Zero, TLanes.WhereLess(Lanes(a), Lanes(b), Lanes(c)));
            Assert.Equal(double.CreateTruncating((a * b) + c), Numbers(TLanes.MultiplyAdd(Lanes(a), Lanes(b), Lanes(c)))[0], Unit);
        }

        AssertAll(T.Zero, TLanes.WhereLess(Lanes(T.One), Lanes(T.One), Lanes(T.One)));
    }

    public void SomeLanes_AreKeptAndAdded()
    {
        T* numbers = stackalloc T[TLanes.Count];
        for (int i = 0; i < TLanes.Count; i++)
        {
            numbers[i] = T.CreateTruncating(i + 1);
        }

        for (int kept = 0; kept <= TLanes.Count; kept++)
        {
            TLanes first = TLanes.Load(numbers).KeepFirst(kept);
            Assert.Equal(Enumerable.Range(1, TLanes.Count).Select(i => i <= kept ? i : 0.0), Numbers(first));
            Assert.Equal(kept * (kept + 1) / 2.0, first.Sum());
        }
    }

    public void Kernels_WeighAsTheirScoresSay()
    {
        AssertKernel<Gaussian>();
        AssertKernel<Boxcar>();
        AssertKernel<Epanechnikov>();
        AssertKernel<Triangular>();
        AssertKernel<Biweight>();
        AssertKernel<Tricube>();
        AssertKernel<Constant>();
    }

    private static void AssertKernel<TKernel>()
        where TKernel : IKernel
    {
        for (int i = 0; i <= 300; i++)
        {
            double r = i / 200.0;
            double argument = Rounded(r * r * TKernel.ArgumentScale);
            double exact = argument / TKernel.ArgumentScale;
            double weight = Of(TKernel.Weight<TLanes, T>, argument);
            Assert.Equal(Math.Exp(TKernel.Score(exact)), weight, 16 * Unit);

            // At the end of the support most kernels have a kink, and a triangle has one at 0 as well.
            double step = 1e-4 * exact;
            if (exact > 0 && Math.Abs(exact - 1) > 2 * step)
            {
                double slope = -(Math.Exp(TKernel.Score(exact + step)) - Math.Exp(TKernel.Score(exact - step))) / step;
                double actual = Numbers(
                    TKernel.Slope<TLanes, T>(Lanes(T.CreateTruncating(argument)), Lanes(T.CreateTruncating(weight))))[0];
                Assert.Equal(slope, actual, 1e-6 * (1 + Math.Abs(slope)));
            }
        }

        Assert.Equal(1, Of(TKernel.Weight<TLanes, T>, 0));
    }

    private static double Rounded(double number) => double.CreateTruncating(T.CreateTruncating(number));

    private static TLanes Lanes(T number) => TLanes.All(double.CreateTruncating(number));

    private static double Of(Func<TLanes, TLanes> function, double x)
    {
        double[] numbers = Numbers(function(TLanes.All(x)));
        Assert.All(numbers, number => Assert.Equal(numbers[0], number));
        return numbers[0];
    }

    private static void AssertAll(T expected, TLanes actual) =>
        Assert.All(Numbers(actual), number => Assert.Equal(double.CreateTruncating(expected), number));

    private static double[] Numbers(TLanes lanes)
    {
        T* numbers = stackalloc T[TLanes.Count];
        lanes.Store(numbers);
        return Array.ConvertAll(new Span<T>(numbers, TLanes.Count).ToArray(), double.CreateTruncating);
    }
}
