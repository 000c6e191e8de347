using System.Globalization;
using System.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics;

/// <summary>Picks the method that a request is answered by.</summary>
internal static class MethodChoice
{
    /// <summary>The part of all pairs in reach up to which a tree is worth its order.</summary>
    public const double WorthATree = 0.6;

    // Cells cost about as much as this many pairs for each key and query, and as much again where the keys must be sorted first; a pair in
    // float64 costs two or three in float32. A tree costs as much as this many.
    private const double PairsForTheLine = 250;
    private const double WidePairsForTheLine = 120;
    private const double PairsForATree = 4000;

    // With more features most boxes are near each other, and a tree that cannot prune is only overhead.
    private const int MostFeaturesForATree = 3;

    public static (PoolingMethod Method, string Reason) For<TKernel, T>(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        PoolingMethod asked = problem.Options.Method;
        if (asked is PoolingMethod.Exact or PoolingMethod.Tree)
        {
            return (asked, "asked for");
        }

        double pairs = (double)problem.QueryCount * problem.KeyCount;
        double inputs = (double)problem.QueryCount + (problem.Kept.IsLasting ? 0 : problem.KeyCount);
        double pairsForTheLine = inputs * (typeof(T) == typeof(float) ? PairsForTheLine : WidePairsForTheLine);
        bool isSorted = problem.Features == 1 && (problem.Samples.IsLasting || problem.Samples.IsInOrder);
        bool isFew = pairs <= pairsForTheLine || (pairs <= 2 * pairsForTheLine && !isSorted);
        if (asked == PoolingMethod.Auto && isFew)
        {
            return (PoolingMethod.Exact, Explain(pairs));
        }

        string? lineObstacle = LinePooling<TKernel, Lanes128<double>, T>.Obstacle(problem, writer);
        if (asked == PoolingMethod.Line)
        {
            return lineObstacle is null
                ? (asked, "asked for")
                : throw new ArgumentException($"The method {nameof(PoolingMethod.Line)} cannot answer this: {lineObstacle}.");
        }

        if (lineObstacle is null)
        {
            return (PoolingMethod.Line, "one feature and many pairs");
        }

        if (problem.Features > MostFeaturesForATree)
        {
            return (PoolingMethod.Exact, $"{problem.Features} features");
        }

        if (!KernelTraits<TKernel>.IsBounded && !KernelTraits<TKernel>.IsGaussian)
        {
            return (PoolingMethod.Exact, $"every key is in the reach of the kernel {TKernel.Name}");
        }

        return pairs > PairsForATree * inputs ? (PoolingMethod.Tree, "few features and many pairs") : (PoolingMethod.Exact, Explain(pairs));
    }

    private static string Explain(double pairs) => string.Create(CultureInfo.InvariantCulture, $"{pairs:N0} pairs are few");
}
