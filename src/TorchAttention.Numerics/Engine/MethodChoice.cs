using System.Globalization;
using System.Numerics;
using TorchAttention.Numerics.Engine.Line;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Engine;

/// <summary>Picks the method that a request is answered by.</summary>
internal static class MethodChoice
{
    /// <summary>The part of all pairs in reach up to which a tree is worth its order.</summary>
    public const double WorthATree = 0.6;

    // Sorting and cells cost about as much as this many pairs for each key and query, a tree as much as this many.
    private const double PairsForTheLine = 500;
    private const double PairsForATree = 4000;

    // With more features most boxes are near each other, and a tree that cannot prune is only overhead.
    private const int MostFeaturesForATree = 3;

    public static (PoolingMethod Method, string Reason) For<TKernel, T>(PoolingProblem<T> problem, AnswerWriter<TKernel, T> writer)
        where TKernel : IKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double pairs = (double)problem.QueryCount * problem.KeyCount;
        double inputs = (double)problem.QueryCount + problem.KeyCount;
        string? lineObstacle = LinePooling<TKernel, Lanes128<double>, T>.Obstacle(problem, writer);
        switch (problem.Options.Method)
        {
            case PoolingMethod.Line when lineObstacle is not null:
                throw new ArgumentException($"The method {nameof(PoolingMethod.Line)} cannot answer this: {lineObstacle}.");
            case PoolingMethod.Exact or PoolingMethod.Line or PoolingMethod.Tree:
                return (problem.Options.Method, "asked for");
            default:
                break;
        }

        if (lineObstacle is null && pairs > PairsForTheLine * inputs)
        {
            return (PoolingMethod.Line, "one feature and many pairs");
        }

        if (lineObstacle is not null && problem.Features <= MostFeaturesForATree && pairs > PairsForATree * inputs && (KernelTraits<TKernel>.IsBounded || KernelTraits<TKernel>.IsGaussian))
        {
            return (PoolingMethod.Tree, "few features and many pairs");
        }

        return (PoolingMethod.Exact, Explain(problem.Features, pairs));
    }

    private static string Explain(int features, double pairs) =>
        features > MostFeaturesForATree
            ? $"{features} features"
            : string.Create(CultureInfo.InvariantCulture, $"{pairs:G3} pairs are few, or all weigh the same");
}
