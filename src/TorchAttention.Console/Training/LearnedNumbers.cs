using TorchAttention.Models;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>The few numbers that a model learns and that say something by themselves, in the data's own units.</summary>
internal sealed class LearnedNumbers(NWKernelRegression model, Units units)
{
    public IReadOnlyList<string> Names { get; } = ["w"];

    public IReadOnlyList<double> Values() => [units.W(model.W.ToDouble())];
}
