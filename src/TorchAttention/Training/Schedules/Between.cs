using System.Runtime.CompilerServices;

namespace TorchAttention.Training.Schedules;

/// <summary>Ways from one number to another: at part 0 it is the first, at part 1 the other.</summary>
internal static class Between
{
    public static double Line(double from, double to, double part) => from + ((to - from) * part);

    /// <summary>Half a cosine; beyond part 1 it turns back.</summary>
    public static double Cosine(double from, double to, double part) => to + ((from - to) * (1 + Math.Cos(Math.PI * part)) / 2);

    /// <summary>Two momenta of a cycle, in their order.</summary>
    public static void CheckMomenta(
        (double Least, double Largest)? momenta, [CallerArgumentExpression(nameof(momenta))] string? name = null)
    {
        if (momenta is { } given && !(given.Least >= 0 && given.Least <= given.Largest && given.Largest < 1))
        {
            throw new ArgumentOutOfRangeException(
                name, given, $"Expected momenta of at least 0 and below 1, the least first, got {given.Least}, {given.Largest}.");
        }
    }
}
