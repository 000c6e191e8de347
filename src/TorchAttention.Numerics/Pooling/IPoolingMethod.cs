namespace TorchAttention.Numerics.Pooling;

/// <summary>A way to answer one request: whether it can, what it costs, and the work.</summary>
internal interface IPoolingMethod
{
    /// <summary>The name to ask for it by.</summary>
    PoolingMethod Name { get; }

    /// <summary>What it costs, in pairs of a query and a key that are computed one by one.</summary>
    double Cost { get; }

    /// <summary>Why it is taken where it costs the least.</summary>
    string Merit { get; }

    /// <summary>Why it cannot answer the request; null where it can.</summary>
    string? Obstacle() => null;

    /// <summary>Why it is not taken unless it is asked for; null where it may be.</summary>
    string? Doubt() => null;

    /// <summary>Prepares, and sees whether it is worth it.</summary>
    /// <param name="isAsked">Whether it was asked for: it then is.</param>
    /// <param name="note">What is to be said of it, or why it is not.</param>
    bool IsWorthIt(bool isAsked, out string? note)
    {
        note = null;
        return true;
    }

    /// <summary>Answers the request, once it has prepared.</summary>
    void Run();
}
