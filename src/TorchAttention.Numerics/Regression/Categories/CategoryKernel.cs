namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// How much an example of one level counts at another, by a number lambda that is searched like a bandwidth: at 0 not at all, at its
/// largest as much as an example of the same level, or, with <see cref="WangVanRyzin"/>, half as much.
/// </summary>
public enum CategoryKernel
{
    /// <summary>
    /// For levels without an order: 1 - lambda where they are the same, else lambda / (c - 1), with c levels and lambda from 0 to
    /// (c - 1) / c (J. Aitchison and C. G. G. Aitken, 1976).
    /// </summary>
    AitchisonAitken,

    /// <summary>
    /// For levels in an order: lambda^|a - b|, where |a - b| counts the steps from one to the other, with lambda from 0 to 1 (Q. Li and
    /// J. S. Racine, 2007).
    /// </summary>
    LiRacine,

    /// <summary>
    /// For levels in an order: 1 - lambda where they are the same, else (1 - lambda) / 2 lambda^|a - b|, with lambda from 0 to 1 (M.
    /// Wang and J. van Ryzin, 1981). No lambda makes all levels count alike.
    /// </summary>
    WangVanRyzin,
}
