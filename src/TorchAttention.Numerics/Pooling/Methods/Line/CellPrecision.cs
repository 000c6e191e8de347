namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <summary>What the sums through cells are to be good to.</summary>
/// <param name="Tolerance">The part of a weight sum of 1 that all keys beyond the reach may be together.</param>
/// <param name="Far">How many times its weight a key at the reach counts in any sum; it falls from there on.</param>
/// <param name="PairError">The rounding and the truncation of one pair in a sum, relative to the weight 1.</param>
/// <param name="Terms">The terms for cells up to half a bandwidth wide.</param>
/// <param name="TermsOfWide">The terms for cells up to a bandwidth wide.</param>
/// <param name="MayBeWide">Whether cells with few keys may be wide.</param>
internal readonly record struct CellPrecision(
    double Tolerance, double Far, double PairError, int Terms, int TermsOfWide, bool MayBeWide);
