namespace TorchAttention.Numerics.LocalLinear;

/// <summary>A thread's loops over pairs, with memory of its own.</summary>
internal interface ILocalLinearLoops : IDisposable
{
    /// <summary>Computes the outputs of some queries, and what else is kept of them.</summary>
    void Fit(int first, int end);

    /// <summary>Adds the gradients of some queries.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="end">The one after the last.</param>
    /// <param name="outputGradient">The factor of each output (m, c).</param>
    /// <param name="byQuery">By q (m, d).</param>
    /// <param name="byKey">By k and v (tiles, d + c, Tile); empty where not wanted.</param>
    /// <param name="byScale">By g and lambda (d + 1).</param>
    void Differentiate(int first, int end, double[] outputGradient, double[] byQuery, double[] byKey, double[] byScale);
}
