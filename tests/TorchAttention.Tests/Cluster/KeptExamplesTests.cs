using TorchAttention.Cluster;

namespace TorchAttention.Tests.Cluster;

public sealed class KeptExamplesTests
{
    private static readonly Task<ISliceLoss> _loss = new TaskCompletionSource<ISliceLoss>().Task;

    private readonly SetClock _clock = new();

    // One more than there may be waits until another one has asked nothing for 30 s.
    [Fact]
    public void TrainingThatFindsNoRoom_IsToldWhenToComeAgain()
    {
        var kept = new KeptExamples(_clock);
        for (int i = 0; i < KeptExamples.Most; i++)
        {
            Assert.Null(kept.WhyNot(10));
            kept.Add($"{i}", 10, _loss);
        }

        _clock.Now += TimeSpan.FromSeconds(20);
        Reply full = kept.WhyNot(10)!;
        Assert.Equal(
            (Outcome.Later, "a silo computes for 16 trainings already, with 160 bytes of examples", 1000),
            (full.Outcome, full.Why, full.RetryAfter));

        Assert.All(Enumerable.Range(1, KeptExamples.Most - 1), i => Assert.Same(_loss, kept.Find($"{i}")));
        _clock.Now += TimeSpan.FromSeconds(11);
        Assert.Null(kept.WhyNot(10));
        Assert.False(kept.AreKnown("0"));
        Assert.True(kept.AreKnown("1"));
    }

    // What one training has is taken whatever its size, and those that have gone stay where there is room.
    [Fact]
    public void Bytes_AreLimited()
    {
        var kept = new KeptExamples(_clock, mostBytes: 100);
        Assert.Null(kept.WhyNot(200));
        kept.Add("large", 90, _loss);
        Assert.NotNull(kept.WhyNot(20));
        Assert.Null(kept.WhyNot(10));

        _clock.Now += TimeSpan.FromMinutes(1);
        Assert.Null(kept.WhyNot(10));
        Assert.True(kept.AreKnown("large"));
        Assert.Null(kept.WhyNot(20));
        Assert.False(kept.AreKnown("large"));
    }

    [Fact]
    public void LastWidths_AreKept()
    {
        var kept = new KeptWidths();
        for (int i = 0; i < 100; i++)
        {
            kept.Add($"{i}", [i]);
        }

        Assert.Equal([99.0], kept.Find("99")!);
        Assert.Equal([68.0], kept.Find("68")!);
        Assert.Null(kept.Find("67"));
    }
}
