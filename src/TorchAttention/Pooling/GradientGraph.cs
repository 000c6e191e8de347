using System.Runtime.InteropServices;
using Context = TorchSharp.torch.autograd.AutogradContext;

namespace TorchAttention.Pooling;

/// <summary>Gradients that have gradients in turn, for a backward that was asked for them.</summary>
/// <remarks>
/// libtorch switches recording on in a backward exactly where a graph of the gradients is wanted. An exception in a backward ends the
/// process.
/// </remarks>
internal static class GradientGraph
{
    /// <summary>
    /// The gradients of queries, keys, values and w as functions of these and of the outputs' gradients; null where none is asked for.
    /// </summary>
    /// <param name="ctx">Where these four were saved, before anything else.</param>
    /// <param name="pool">Outputs, and logs of sums of weights, of inputs and whatever else was saved.</param>
    /// <param name="outputGradient">The outputs' gradient; null for 0.</param>
    /// <param name="logWeightSumGradient">That of the logs of the sums of weights; null for 0.</param>
    /// <param name="inputs">How many of what was saved are inputs; 4 unless said otherwise.</param>
    /// <returns>Null where there are none: an input was changed in place, or there is no memory.</returns>
    public static Tensor?[]? Differentiate(
        Context ctx,
        Func<Tensor[], (Tensor Output, Tensor LogWeightSum)> pool,
        Tensor? outputGradient,
        Tensor? logWeightSumGradient = null,
        int inputs = 4)
    {
        using DisposeScope scope = NewDisposeScope();
        try
        {
            Tensor?[] gradients = Gradients(ctx, pool, outputGradient, logWeightSumGradient, inputs);
            scope.MoveToOuter(gradients.OfType<Tensor>());
            return gradients;
        }
        catch (ExternalException)
        {
            return null;
        }
    }

    private static Tensor?[] Gradients(
        Context ctx,
        Func<Tensor[], (Tensor Output, Tensor LogWeightSum)> pool,
        Tensor? outputGradient,
        Tensor? logWeightSumGradient,
        int inputs)
    {
        // One tensor may be several inputs, and each has a gradient of its own.
        Tensor[] saved = [.. ctx.get_saved_variables().Select(tensor => tensor.view_as(tensor))];
        Tensor[] wanted = [.. saved[..inputs].Where(input => input.requires_grad)];
        (Tensor output, Tensor logWeightSum) = pool(saved);
        (Tensor Of, Tensor? By)[] both = [(output, outputGradient), (logWeightSum, logWeightSumGradient)];
        (Tensor Of, Tensor? By)[] outputs = [.. both.Where(pair => pair.By is not null && pair.Of.requires_grad)];

        // Outputs without a graph would be an error here, and errors here cannot be caught.
        IList<Tensor> found = outputs.Length == 0 ? [] : autograd.grad(
            [.. outputs.Select(pair => pair.Of)], wanted, [.. outputs.Select(pair => pair.By!)],
            retain_graph: true, create_graph: true, allow_unused: true);
        var gradients = new Queue<Tensor>(
            wanted.Select((input, i) => i < found.Count && !found[i].IsInvalid ? found[i] : zeros_like(input)));
        return [.. saved[..inputs].Select(input => input.requires_grad ? gradients.Dequeue() : null)];
    }
}
