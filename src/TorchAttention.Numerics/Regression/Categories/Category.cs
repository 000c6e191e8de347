namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>A feature that has levels instead of numbers.</summary>
/// <param name="Levels">The levels' names; an example says its level by its place in here. In their order, where they have one.</param>
/// <param name="Kernel">How much other levels count.</param>
public sealed record Category(IReadOnlyList<string> Levels, CategoryKernel Kernel = CategoryKernel.AitchisonAitken)
{
    /// <summary>The largest lambda.</summary>
    public double MostLambda => Kernel == CategoryKernel.AitchisonAitken ? (Levels.Count - 1.0) / Levels.Count : 1;

    /// <summary>What a level counts at another, relative to what it counts at itself.</summary>
    /// <param name="steps">How many steps they are apart.</param>
    /// <param name="lambda">lambda.</param>
    internal double Ratio(int steps, double lambda) => steps == 0 ? 1 : Kernel switch
    {
        CategoryKernel.AitchisonAitken => Levels.Count == 1 ? 1 : lambda / ((Levels.Count - 1) * (1 - lambda)),
        CategoryKernel.LiRacine => Math.Pow(lambda, steps),
        _ => Math.Pow(lambda, steps) / 2,
    };

    /// <summary>
    /// lambda where the search stands, from 0 to 1: even in the cube root of what the next level counts, which may be little.
    /// </summary>
    internal double LambdaAt(double part) => part * part * part is var ratio && Kernel == CategoryKernel.AitchisonAitken
        ? ratio * (Levels.Count - 1) / (1 + (ratio * (Levels.Count - 1)))
        : part * part * part;
}
