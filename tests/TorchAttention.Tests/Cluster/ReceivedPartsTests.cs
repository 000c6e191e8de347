using TorchAttention.Cluster;

namespace TorchAttention.Tests.Cluster;

public sealed class ReceivedPartsTests
{
    private const int Half = 500;

    private readonly SetClock _clock = new();

    [Fact]
    public void Parts_AreWholeInAnyOrder_AndGivenAwayOnce()
    {
        var parts = new ReceivedParts(_clock, 2 * Half);
        byte[] bytes = [1, 2, 3, 4, 5];
        string hash = TrainingExamples.HashOf(bytes);
        Take(parts, hash, bytes[3..], 3, 5);
        Assert.Null(parts.Whole(hash));

        Take(parts, hash, bytes[..3], 0, 5);
        Assert.Equal(bytes, parts.Whole(hash));
        Assert.Null(parts.Whole(hash));
    }

    // A sender that has gone in the middle holds up the others until it has been silent for 30 s, and no longer.
    [Fact]
    public void PartsOfASenderThatHasGone_AreForgotten()
    {
        var parts = new ReceivedParts(_clock, 2 * Half);
        Take(parts, "left", [1], 0, Half);
        _clock.Now += TimeSpan.FromSeconds(20);
        Take(parts, "heard", [1], 0, Half);
        Reply full = parts.Take("new", [1], 0, 2, "examples");
        Assert.Equal((Outcome.Later, "what others send, examples, is on its way"), (full.Outcome, full.Why));

        _clock.Now += TimeSpan.FromSeconds(11);
        Take(parts, "heard", [2], 1, Half);
        Take(parts, "new", [1], 0, 2);
        Assert.Equal(Outcome.Later, parts.Take("left", [1], 0, Half, "examples").Outcome);
    }

    // Others' bytes of that hash: all parts are to come again, and nothing is hashed before they have.
    [Fact]
    public void WrongBytes_AreReplacedByRightOnes()
    {
        var parts = new ReceivedParts(_clock, 2 * Half);
        byte[] bytes = [1, 2, 3, 4, 5];
        string hash = TrainingExamples.HashOf(bytes);
        Take(parts, hash, [1, 2, 9], 0, 5);
        Take(parts, hash, bytes[3..], 3, 5);
        Assert.Null(parts.Whole(hash));
        Take(parts, hash, bytes[..3], 0, 5);
        Assert.Null(parts.Whole(hash));
        Take(parts, hash, bytes[3..], 3, 5);
        Assert.Equal(bytes, parts.Whole(hash));
    }

    private static void Take(ReceivedParts parts, string hash, byte[] part, int first, int size) =>
        Assert.Equal(Outcome.Done, parts.Take(hash, part, first, size, "examples").Outcome);
}
