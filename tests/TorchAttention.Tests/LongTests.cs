namespace TorchAttention.Tests;

/// <summary>Tests that take long run where a variable asks for them.</summary>
internal static class LongTests
{
    private const string Variable = "TORCHATTENTION_LONG_TESTS";

    public static bool AreAskedFor => Environment.GetEnvironmentVariable(Variable) is "1";

    public static void SkipUnlessAskedFor() => Assert.SkipUnless(AreAskedFor, $"It takes long; {Variable}=1 asks for it.");
}
