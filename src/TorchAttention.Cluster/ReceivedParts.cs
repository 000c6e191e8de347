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
    private readonly Dictionary<string, (byte[] Bytes, long Heard)> _received = [];

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
        byte[]? bytes = _received.GetValueOrDefault(hash).Bytes;
        if (bytes?.Length != size)
        {
            _received.Remove(hash);
            if (_received.Values.Sum(one => (long)one.Bytes.Length) + size > most)
            {
                return Reply.Later($"what others send, {what}, is on its way", _retry);
            }

            bytes = new byte[size];
        }

        part.CopyTo(bytes, first);
        _received[hash] = (bytes, _time.GetTimestamp());
        return Reply.Of([]);
    }

    /// <summary>Gives the bytes of a hash away; null where some have not come, as where this was made anew.</summary>
    public byte[]? Whole(string hash)
    {
        byte[]? bytes = _received.GetValueOrDefault(hash).Bytes;
        if (bytes is null || TrainingExamples.HashOf(bytes) != hash)
        {
            return null;
        }

        _received.Remove(hash);
        return bytes;
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
}
