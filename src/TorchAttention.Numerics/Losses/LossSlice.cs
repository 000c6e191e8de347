namespace TorchAttention.Numerics.Losses;

/// <summary>Some examples of a batch.</summary>
/// <param name="Queries">Their inputs (m, d), row by row.</param>
/// <param name="Targets">Their targets (m).</param>
/// <param name="LeftOut">The key that each must not see (m), -1 for none; empty where each sees all.</param>
internal readonly record struct LossSlice<T>(ReadOnlyMemory<T> Queries, ReadOnlyMemory<T> Targets, ReadOnlyMemory<int> LeftOut)
    where T : unmanaged;

/// <summary>What a batch is asked, slice by slice.</summary>
/// <param name="W">w (1), (d) or (regions).</param>
/// <param name="Examples">How many examples the batch has.</param>
/// <param name="HasGradient">Whether the gradient is wanted beside the loss.</param>
internal sealed record LossAsked(double[] W, int Examples, bool HasGradient);

/// <summary>What a slice adds to the loss of its batch, and to its gradient.</summary>
/// <param name="Squares">sum_i (f(q_i) - y_i)^2.</param>
/// <param name="Gradient">(1/m) sum_i (f(q_i) - y_i) df/dw, as many as w has, where m counts the examples of the batch; empty where it is
/// not wanted.</param>
internal sealed record LossPart(double Squares, double[] Gradient);

/// <summary>Where the slices of a batch are computed.</summary>
internal interface ILossSlices
{
    /// <summary>Computes them.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="asked">What the batch is asked.</param>
    /// <param name="slices">Its slices.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A part for each slice, in their order.</returns>
    IReadOnlyList<LossPart> Compute<T>(
        KernelLoss<T> loss, LossAsked asked, IReadOnlyList<LossSlice<T>> slices, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}
