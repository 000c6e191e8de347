namespace TorchAttention.Cluster;

/// <summary>The examples of trainings that ask a silo, made ready to compute with.</summary>
/// <param name="time">What tells the time; the machine's clock where null.</param>
/// <param name="mostBytes">How many bytes there are of all at most, beside the first.</param>
internal sealed class KeptExamples(TimeProvider? time = null, long mostBytes = TrainingExamples.MostBytes)
{
    /// <summary>How many trainings there are at most.</summary>
    public const int Most = 16;

    // A training that asks nothing for so long has ended, or stands still; it sends its examples again.
    private static readonly TimeSpan _left = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _retry = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly List<Kept> _kept = [];

    /// <summary>Whether they are here.</summary>
    public bool AreKnown(string hash) => _kept.Exists(one => one.Hash == hash);

    /// <summary>That there is no room for others, where there is none. Those of trainings that have gone make room.</summary>
    /// <param name="size">The bytes of the others.</param>
    public Reply? WhyNot(int size)
    {
        while (!Fit(size) && _kept.Where(one => _time.GetElapsedTime(one.Asked) > _left).MinBy(one => one.Asked) is Kept left)
        {
            _kept.Remove(left);
        }

        return Fit(size) ? null : Reply.Later(
            $"a silo computes for {_kept.Count} trainings already, with {_kept.Sum(one => (long)one.Size)} bytes of examples", _retry);
    }

    /// <summary>Those of a hash, and takes note that they are asked; null where they are not here.</summary>
    public Task<ISliceLoss>? Find(string hash)
    {
        if (_kept.Find(one => one.Hash == hash) is not Kept found)
        {
            return null;
        }

        found.Asked = _time.GetTimestamp();
        return found.Loss;
    }

    /// <summary>Keeps some.</summary>
    public void Add(string hash, int size, Task<ISliceLoss> loss) =>
        _kept.Add(new Kept(hash, size, loss) { Asked = _time.GetTimestamp() });

    /// <summary>Forgets some.</summary>
    public void Remove(string hash) => _kept.RemoveAll(one => one.Hash == hash);

    private bool Fit(int size) =>
        _kept.Count == 0 || (_kept.Count < Most && _kept.Sum(one => (long)one.Size) + size <= mostBytes);

    private sealed record Kept(string Hash, int Size, Task<ISliceLoss> Loss)
    {
        public long Asked { get; set; }
    }
}
