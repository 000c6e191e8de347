namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>A group that has examples and no curve.</summary>
/// <param name="Name">The group's name.</param>
/// <param name="Examples">How many examples it has.</param>
/// <param name="Reason">Why it has none, as part of a sentence.</param>
public sealed record GroupWithoutCurve(string Name, int Examples, string Reason);
