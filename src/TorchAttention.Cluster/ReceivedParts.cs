namespace TorchAttention.Cluster;

/// <summary>Bytes that come in parts of 1 MB, under the hash of all of them.</summary>
internal sealed class ReceivedParts
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<string, byte[]> _bytes = [];

    /// <summary>Takes a part.</summary>
    /// <param name="hash">The SHA-256 of all bytes.</param>
    /// <param name="part">The part.</param>
    /// <param name="first">Where it begins.</param>
    /// <param name="size">How many bytes there are.</param>
    /// <param name="what">What they are, for the message.</param>
    public Reply Take(string hash, byte[] part, int first, int size, string what)
    {
        if (size > MomentsAsked.MostBytes || first < 0 || (long)first + part.Length > size)
        {
            return Reply.Refused($"expected {what} of at most {MomentsAsked.MostBytes} bytes, got {size}");
        }

        if (!_bytes.TryGetValue(hash, out byte[]? bytes) || bytes.Length != size)
        {
            // Others' whose parts are on the way, or were left, are soon forgotten.
            if (_bytes.Values.Sum(one => (long)one.Length) + size > MomentsAsked.MostBytes)
            {
                return Reply.Later($"{what} of others is on its way", _retry);
            }

            _bytes[hash] = bytes = new byte[size];
        }

        part.CopyTo(bytes, first);
        return Reply.Of([]);
    }

    /// <summary>Gives the bytes of a hash away; null where some have not come, as where this was made anew.</summary>
    public byte[]? Whole(string hash)
    {
        if (!_bytes.TryGetValue(hash, out byte[]? bytes) || TrainingExamples.HashOf(bytes) != hash)
        {
            return null;
        }

        _bytes.Remove(hash);
        return bytes;
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => _bytes.Clear();
}
