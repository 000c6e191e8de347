namespace TorchAttention.Cluster;

/// <summary>The last w that trainings have sent: one for all slices of a step.</summary>
internal sealed class KeptWidths
{
    // A training has its own, and that of its average, which is validated.
    private const int Most = 2 * KeptExamples.Most;

    // In the order in which they came, the last one at the end.
    private readonly List<(string Hash, double[] W)> _kept = [];

    /// <summary>Keeps one.</summary>
    public void Add(string hash, double[] w)
    {
        _kept.RemoveAll(one => one.Hash == hash);
        _kept.Add((hash, w));
        _kept.RemoveRange(0, Math.Max(0, _kept.Count - Most));
    }

    /// <summary>That of a hash; null where it is not here.</summary>
    public double[]? Find(string hash) => _kept.Find(one => one.Hash == hash).W;
}
