using System.Runtime.CompilerServices;

namespace TorchAttention.Pooling;

/// <summary>Gradients on their way from an operation's backward to libtorch, which reads them after that has returned.</summary>
/// <remarks>
/// Until then they must be reachable, or the collector may free them. The memory of the recorded operation will not do where gradients
/// have a graph: it leads back to that operation, and each would hold the other for ever.
/// </remarks>
internal sealed class ReturnedGradients
{
    private readonly ConditionalWeakTable<Thread, Tensor?[]> _last = [];

    /// <summary>Keeps gradients until this thread returns others.</summary>
    /// <returns>The same; null where there is none.</returns>
    public List<Tensor> Keep(params Tensor?[] gradients)
    {
        _last.AddOrUpdate(Thread.CurrentThread, gradients);
        return [.. gradients.Select(gradient => gradient!)];
    }
}
