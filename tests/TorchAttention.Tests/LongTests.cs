using System.Globalization;

namespace TorchAttention.Tests;

/// <summary>Tests that take long run where a variable asks for them.</summary>
internal static class LongTests
{
    public const string Reason = $"It takes long; {Variable}=1 asks for it.";

    private const string Variable = "TORCHATTENTION_LONG_TESTS";

    public static bool AreAskedFor => Environment.GetEnvironmentVariable(Variable) is "1";

    public static void SkipUnlessAskedFor() => Assert.SkipUnless(AreAskedFor, Reason);

    /// <summary>A number that a long test is told, as how much of a thing there is to be.</summary>
    /// <param name="name">The variable, after TORCHATTENTION_TESTS_: the settings of the program begin otherwise.</param>
    /// <param name="usual">The number where there is no such variable.</param>
    public static int Setting(string name, int usual) =>
        Environment.GetEnvironmentVariable($"TORCHATTENTION_TESTS_{name}") is string text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : usual;
}
