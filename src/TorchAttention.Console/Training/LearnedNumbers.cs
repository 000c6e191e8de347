using TorchAttention.Models;

namespace TorchAttention.Cli.Training;

/// <summary>The few numbers that a model learns and that say something by themselves, in the data's own units.</summary>
internal sealed class LearnedNumbers(ModelInUnits model)
{
    public IReadOnlyList<string> Names { get; } = [.. model.LearnedNumbers().Select(number => number.Name)];

    public IReadOnlyList<double> Values() => [.. model.LearnedNumbers().Select(number => number.Value)];
}
