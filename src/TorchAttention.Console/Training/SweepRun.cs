namespace TorchAttention.Cli.Training;

/// <summary>A training of a sweep.</summary>
/// <param name="Name">Its folder.</param>
/// <param name="What">What it has that others have not, for people.</param>
/// <param name="Values">The values of the options that are swept.</param>
/// <param name="Options">All its options.</param>
internal sealed record SweepRun(string Name, string What, IReadOnlyList<string> Values, TrainOptions Options);
