namespace TorchAttention.Tests;

/// <summary>
/// What tests do with numbers and tensors, in the words of <see cref="Held"/> and for its reason: other tests run beside, and the
/// collections that they cause may free a number before libtorch has read it.
/// </summary>
internal static class HeldInTests
{
    /// <summary>0, 1, ..., count - 1.</summary>
    public static Tensor Numbers(long count, ScalarType type = ScalarType.Int64, Device? device = null)
    {
        using Scalar end = count;
        return arange(Held.Zero, end, Held.One, type, device);
    }

    public static Tensor Filled(long[] shape, double number, ScalarType type)
    {
        using Scalar held = number;
        return full(shape, held, type);
    }

    /// <summary>1 - t.</summary>
    public static Tensor FromOne(this Tensor t) => t.neg().add(Held.One, Held.One);

    public static Tensor Plus(this Tensor t, double number)
    {
        using Scalar held = number;
        return t.add(held, Held.One);
    }

    public static Tensor Minus(this Tensor t, double number)
    {
        using Scalar held = number;
        return t.sub(held);
    }

    /// <summary>What square() computes, to the last bit.</summary>
    public static Tensor Squared(this Tensor t) => t.pow(Held.Two);

    /// <summary>bad where the mask is true.</summary>
    public static Tensor Masked(this Tensor t, Tensor mask, double bad)
    {
        using Scalar held = bad;
        return t.masked_fill(mask, held);
    }

    public static void AddInPlace(this Tensor t, double number)
    {
        using Scalar held = number;
        t.add_(held, Held.One);
    }

    public static void FillInPlace(this Tensor t, double number)
    {
        using Scalar held = number;
        t.fill_(held);
    }
}
