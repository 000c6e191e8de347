using System.Numerics;

namespace TorchAttention.Tests.Engine;

/// <summary>
/// A number m 2^e of some four thousand bits and any exponent: weights of e^-1000 and what is left of their differences are numbers like
/// others.
/// </summary>
internal readonly struct BigReal
{
    private const int Bits = 4096;

    private readonly BigInteger _mantissa;
    private readonly long _exponent;

    private BigReal(BigInteger mantissa, long exponent)
    {
        long surplus = (long)BigInteger.Abs(mantissa).GetBitLength() - Bits;
        (_mantissa, _exponent) = surplus > 0 ? (mantissa >> (int)surplus, exponent + surplus) : (mantissa, exponent);
    }

    public bool IsPositive => _mantissa.Sign > 0;

    /// <summary>log2 of the size, to a bit.</summary>
    public double Log2 => _mantissa.IsZero ? double.NegativeInfinity : (double)BigInteger.Abs(_mantissa).GetBitLength() + _exponent;

    public static implicit operator BigReal(double number)
    {
        int exponent = Math.Max(Math.ILogB(number), -1000) - 60;
        return number == 0 ? default : new BigReal(new BigInteger(Math.ScaleB(number, -exponent)), exponent);
    }

    public static explicit operator double(BigReal number)
    {
        int surplus = (int)Math.Max(0, (long)BigInteger.Abs(number._mantissa).GetBitLength() - 64);
        return Math.ScaleB(
            (double)(number._mantissa >> surplus), (int)Math.Clamp(number._exponent + surplus, int.MinValue / 2, int.MaxValue / 2));
    }

    public static BigReal operator +(BigReal a, BigReal b)
    {
        if (a._mantissa.IsZero || b._mantissa.IsZero)
        {
            return a._mantissa.IsZero ? b : a;
        }

        if (a._exponent < b._exponent)
        {
            (a, b) = (b, a);
        }

        long shift = a._exponent - b._exponent;
        return shift > 3 * Bits ? a : new BigReal((a._mantissa << (int)shift) + b._mantissa, b._exponent);
    }

    public static BigReal operator -(BigReal a) => new(-a._mantissa, a._exponent);

    public static BigReal operator -(BigReal a, BigReal b) => a + (-b);

    public static BigReal operator *(BigReal a, BigReal b) => new(a._mantissa * b._mantissa, a._exponent + b._exponent);

    public static BigReal operator /(BigReal a, BigReal b) =>
        new((a._mantissa << (2 * Bits)) / b._mantissa, a._exponent - b._exponent - (2 * Bits));

    public static BigReal PowerOfTwo(long exponent) => new(BigInteger.One, exponent);

    /// <summary>The square root of a number that is not negative.</summary>
    public static BigReal Sqrt(BigReal number)
    {
        if (number._mantissa.IsZero)
        {
            return default;
        }

        BigReal root = new BigReal(BigInteger.One, (long)Math.Floor(number.Log2 / 2));
        BigReal half = 0.5;
        for (int i = 0; i < 20; i++)
        {
            root = (root + (number / root)) * half;
        }

        return root;
    }

    /// <summary>e^x, by its series at x / 2^k.</summary>
    public static BigReal Exp(BigReal x)
    {
        const int Small = 64;
        int halvings = (int)Math.Max(0, x.Log2 + Small);
        var part = new BigReal(x._mantissa, x._exponent - halvings);
        BigReal sum = 1;
        BigReal term = 1;
        for (int k = 1; term.Log2 > -Bits - 64; k++)
        {
            term = term * part / k;
            sum += term;
        }

        for (int i = 0; i < halvings; i++)
        {
            sum *= sum;
        }

        return sum;
    }
}
