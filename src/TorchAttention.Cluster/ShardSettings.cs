namespace TorchAttention.Cluster;

/// <summary>What a silo has and takes on.</summary>
internal sealed record ShardSettings
{
    /// <summary>How many silos each shard is on, where there are as many.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>How many questions are at work or wait for a thread; who asks more is told when to come again.</summary>
    public int MostQuestions { get; init; } = 256;
}
