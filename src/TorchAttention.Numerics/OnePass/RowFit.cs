namespace TorchAttention.Numerics.OnePass;

/// <summary>What all other rows say at a row's key, asked one by one.</summary>
/// <param name="Error">e = y - f of the row, where f is the others' fit.</param>
/// <param name="ErrorByLog">Its derivative by log h.</param>
/// <param name="Bound">What e is off by at most.</param>
/// <param name="Own">A / D: a row of the weight s is the part s A / D beside the others, infinite where these weigh nothing.</param>
/// <param name="OwnByLog">Its derivative by log h.</param>
/// <param name="Squares">The sum of the squares of the others' parts in their fit, each by the row's weight.</param>
internal readonly record struct RowFit(double Error, double ErrorByLog, double Bound, double Own, double OwnByLog, double Squares);
