using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchAttention.Numerics.Vectors;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Vectors;

public sealed class LanesTests
{
    private const string ExpectedBits = "TORCHATTENTION_TESTS_VECTOR_BITS";

    public static TheoryData<int, bool> Widths => new MatrixTheoryData<int, bool>([128, 256, 512], [false, true]);

    [Theory]
    [MemberData(nameof(Widths))]
    public void Exp2_IsWithinItsStatedError(int bits, bool isSingle) => Checks(bits, isSingle).Exp2_IsWithinItsStatedError();

    [Theory]
    [MemberData(nameof(Widths))]
    public void Exp2_IsOneAtZeroAndExactAtWholePowersAndNothingFarBelow(int bits, bool isSingle) =>
        Checks(bits, isSingle).Exp2_IsOneAtZeroAndExactAtWholePowersAndNothingFarBelow();

    [Theory]
    [MemberData(nameof(Widths))]
    public void Exp2_NeverRises(int bits, bool isSingle) => Checks(bits, isSingle).Exp2_NeverRises();

    [Theory]
    [MemberData(nameof(Widths))]
    public void Arithmetic_IsThatOfTheNumbers(int bits, bool isSingle) => Checks(bits, isSingle).Arithmetic_IsThatOfTheNumbers();

    [Theory]
    [MemberData(nameof(Widths))]
    public void SomeLanes_AreKeptAndAdded(int bits, bool isSingle) => Checks(bits, isSingle).SomeLanes_AreKeptAndAdded();

    [Theory]
    [MemberData(nameof(Widths))]
    public void Kernels_WeighAsTheirScoresSay(int bits, bool isSingle) => Checks(bits, isSingle).Kernels_WeighAsTheirScoresSay();

    /// <summary>The machine's vectors are those that a process was told to use by whoever started it.</summary>
    [Fact]
    public void Machine_HasTheVectorsItIsSaidToHave()
    {
        int bits = Vector512.IsHardwareAccelerated
            ? 512
            : Vector256.IsHardwareAccelerated
            ? 256
            : Vector128.IsHardwareAccelerated
            ? 128
            : 0;
        Assert.Equal(Environment.GetEnvironmentVariable(ExpectedBits) ?? $"{bits}", $"{bits}");
    }

    /// <summary>Vectors that a machine lacks are made of narrower ones, by other code: checked with instructions switched off.</summary>
    /// <remarks><c>.ci/run</c> runs the engine's and the regression's tests so as well.</remarks>
    [Theory]
    [InlineData(256, "EnableAVX512")]
    [InlineData(128, "EnableAVX2")]
    [InlineData(0, "EnableHWIntrinsic")]
    public void FewerInstructions_GiveTheSame(int bits, string setting)
    {
        LongTests.SkipUnlessAskedFor();
        Assert.SkipUnless(
            X86Base.X64.IsSupported && Vector256.IsHardwareAccelerated, "The settings are those of an x64 processor with AVX2.");
        using var console = new ConsoleProcess();
        string[] arguments = ["-class", "*.LanesTests", "-class", "*.DenseAttentionTests", "-method-", "*FewerInstructions*"];
        ConsoleProcess.Result result = console.Start(
            Environment.ProcessPath!, arguments, ($"DOTNET_{setting}", "0"), (ExpectedBits, $"{bits}")).Wait();

        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Matches("Total: [4-9][0-9]", result.Output);
    }

    private static ILanesChecks Checks(int bits, bool isSingle) => (bits, isSingle) switch
    {
        (128, true) => new LanesChecks<Lanes128<float>, float>(),
        (128, false) => new LanesChecks<Lanes128<double>, double>(),
        (256, true) => new LanesChecks<Lanes256<float>, float>(),
        (256, false) => new LanesChecks<Lanes256<double>, double>(),
        (512, true) => new LanesChecks<Lanes512<float>, float>(),
        _ => new LanesChecks<Lanes512<double>, double>(),
    };
}
