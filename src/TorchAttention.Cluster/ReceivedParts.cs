namespace TorchAttention.Cluster;

/// <summary>Bytes that come in parts of 1 MB, under the hash of all of them.</summary>
/// <param name="time">What tells the time; the machine's clock where null.</param>
/// <param name="most">How many bytes there are of all at most.</param>
internal sealed class ReceivedParts(TimeProvider? time = null, int most = MomentsAsked.MostBytes)
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(50);

    // A sender whose part has no answer for 10 s sends it again.
    private static readonly TimeSpan _left = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Dictionary<string, Parts> _received = [];

    /// <summary>Takes a part.</summary>
    /// <param name="hash">The SHA-256 of all bytes.</param>
    /// <param name="part">The part.</param>
    /// <param name="first">Where it begins.</param>
    /// <param name="size">How many bytes there are.</param>
    /// <param name="what">What they are, for the message.</param>
    public Reply Take(string hash, byte[] part, int first, int size, string what)
    {
        if (size > most || first < 0 || (long)first + part.Length > size)
        {
            return Reply.Refused($"expected {what} of at most {most} bytes, got {size}");
        }

        ForgetLeft();
        Parts? parts = _received.GetValueOrDefault(hash);
        if (parts?.Bytes.Length != size)
        {
            _received.Remove(hash);
            if (_received.Values.Sum(one => (long)one.Bytes.Length) + size > most)
            {
                return Reply.Later($"what others send, {what}, is on its way", _retry);
            }

            _received[hash] = parts = new Parts(new byte[size]);
        }

        part.CopyTo(parts.Bytes, first);
        parts.Lengths[first] = part.Length;
        parts.Heard = _time.GetTimestamp();
        return Reply.Of([]);
    }

    /// <summary>Gives the bytes of a hash away; null where some have not come, as where this was made anew.</summary>
    public byte[]? Whole(string hash)
    {
        // Who asks in vain asks often, and a hash of 1 GB takes a second.
        if (_received.GetValueOrDefault(hash) is not Parts parts || parts.Lengths.Values.Sum(length => (long)length) < parts.Bytes.Length)
        {
            return null;
        }

        if (TrainingExamples.HashOf(parts.Bytes) != hash)
        {
            parts.Lengths.Clear();
            return null;
        }

        _received.Remove(hash);
        return parts.Bytes;
    }

    /// <summary>Forgets bytes whose sender has not been heard for long: it has gone, or has sent them elsewhere.</summary>
    public void ForgetLeft()
    {
        foreach (string hash in _received.Keys.Where(hash => _time.GetElapsedTime(_received[hash].Heard) > _left).ToArray())
        {
            _received.Remove(hash);
        }
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => _received.Clear();

    /// <summary>What has come of some bytes.</summary>
    /// <param name="bytes">All of them, once they have come.</param>
    private sealed class Parts(byte[] bytes)
    {
        public byte[] Bytes => bytes;

        /// <summary>The length of each part that has come, by its place.</summary>
        public Dictionary<int, int> Lengths { get; } = [];

        public long Heard { get; set; }
    }
}
