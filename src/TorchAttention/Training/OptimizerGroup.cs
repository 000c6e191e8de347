using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>Parameters that an optimiser moves with the same settings.</summary>
/// <param name="Parameters">The parameters.</param>
/// <param name="LearningRate">Their learning rate.</param>
/// <param name="WeightDecay">Their weight decay.</param>
internal sealed record OptimizerGroup(IReadOnlyList<Parameter> Parameters, double LearningRate, double WeightDecay);
