namespace TorchAttention.Tests;

/// <summary>Tests that take long run where a variable asks for them.</summary>
internal static class LongTests
{
    public const string Reason = $"It takes long; {Variable}=1 asks for it.";

    private const string Variable = "TORCHATTENTION_LONG_TESTS";

    public static bool AreAskedFor => Environment.GetEnvironmentVariable(Variable) is "1";

    public static void SkipUnlessAskedFor() => Assert.SkipUnless(AreAskedFor, Reason);
}
