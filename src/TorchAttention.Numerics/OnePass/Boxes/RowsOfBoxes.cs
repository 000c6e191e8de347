namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>All rows that moments are of, where they are at hand.</summary>
/// <param name="X">Keys (n, d), row by row.</param>
/// <param name="Y">Values (n, v), row by row; of classes none.</param>
/// <param name="Labels">The class of each; null for values.</param>
/// <param name="Weights">Their weights; empty where they have none.</param>
internal sealed record RowsOfBoxes(double[] X, double[] Y, string[]? Labels, double[] Weights);
