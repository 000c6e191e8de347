namespace TorchAttention.Tests.Vectors;

internal interface ILanesChecks
{
    void Exp2_IsWithinItsStatedError();

    void Exp2_IsOneAtZeroAndExactAtWholePowersAndNothingFarBelow();

    void Exp2_NeverRises();

    void Arithmetic_IsThatOfTheNumbers();

    void SomeLanes_AreKeptAndAdded();

    void Kernels_WeighAsTheirScoresSay();
}
