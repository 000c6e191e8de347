namespace TorchAttention;

/// <summary>Numbers and generators that no collection frees while libtorch still reads them.</summary>
/// <remarks>
/// TorchSharp hands a number to libtorch by an object that nothing keeps alive during the call; <c>a + b</c> has a hidden one, the factor 1
/// of b, <c>square()</c> its exponent, and <c>get_rng_state()</c> a generator. A collection at that moment, on behalf of another thread,
/// makes the operation fail or compute with something else, or ends the process, as inside a custom backward. So the library writes
/// <c>a.Plus(b)</c>.
/// </remarks>
internal static class Held
{
    public static readonly Scalar Zero = 0;
    public static readonly Scalar One = 1;
    public static readonly Scalar Two = 2;
    public static readonly Scalar MinusHalf = -0.5;
    public static readonly Scalar SqrtHalf = Math.Sqrt(0.5);
    public static readonly Scalar Infinity = double.PositiveInfinity;
    public static readonly Scalar MinusInfinity = double.NegativeInfinity;
    public static readonly Scalar NaN = double.NaN;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>t times a number.</summary>
    public static Tensor Times(this Tensor t, double factor)
    {
        using Scalar held = factor;
        return t.mul(held);
    }

    /// <summary>t divided by a number.</summary>
    public static Tensor Over(this Tensor t, double divisor)
    {
        using Scalar held = divisor;
        return t.div(held);
    }

    /// <summary>0, 1, ..., count - 1 as int64.</summary>
    public static Tensor Range(long count, Device device)
    {
        using Scalar end = count;
        return arange(Zero, end, One, ScalarType.Int64, device);
    }

    /// <summary>The state of torch's own generator, that of the CPU.</summary>
    public static Tensor RandomState()
    {
        using Generator own = Generator.Default;
        return own.get_state();
    }

    /// <summary>Puts torch's own generator into a state.</summary>
    public static void SetRandomState(Tensor state)
    {
        using Generator own = Generator.Default;
        own.set_state(state);
    }
}
