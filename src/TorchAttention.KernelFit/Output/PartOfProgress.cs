namespace TorchAttention.Cli.Output;

/// <summary>The progress of one of several equal parts, told as the whole's.</summary>
internal sealed class PartOfProgress(IProgress<double>? whole, int part, int count) : IProgress<double>
{
    public void Report(double value) => whole?.Report((part + value) / count);
}
