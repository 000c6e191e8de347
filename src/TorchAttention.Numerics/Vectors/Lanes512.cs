using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchAttention.Numerics.Vectors;

/// <summary>64 bytes at a time: AVX-512.</summary>
internal readonly unsafe struct Lanes512<T>(Vector512<T> value) : ILanes<Lanes512<T>, T>
    where T : unmanaged
{
    private readonly Vector512<T> _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512<T>.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> All(double value) =>
        typeof(T) == typeof(float) ? new(Vector512.Create((float)value).As<float, T>()) : new(Vector512.Create(value).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Broadcast(T* source) => new(Vector512.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Load(T* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(T* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator +(Lanes512<T> a, Lanes512<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator -(Lanes512<T> a, Lanes512<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator *(Lanes512<T> a, Lanes512<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator /(Lanes512<T> a, Lanes512<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> MultiplyAdd(Lanes512<T> a, Lanes512<T> b, Lanes512<T> c)
    {
        return typeof(T) == typeof(float)
            ? new(Vector512.MultiplyAddEstimate(a._value.AsSingle(), b._value.AsSingle(), c._value.AsSingle()).As<float, T>())
            : new(Vector512.MultiplyAddEstimate(a._value.AsDouble(), b._value.AsDouble(), c._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Min(Lanes512<T> a, Lanes512<T> b) => new(Vector512.MinNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Max(Lanes512<T> a, Lanes512<T> b) => new(Vector512.MaxNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Sqrt(Lanes512<T> a) => new(Vector512.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Exp2(Lanes512<T> x)
    {
        return typeof(T) == typeof(float)
            ? new(Exp2(x._value.AsSingle()).As<float, T>())
            : new(Exp2(x._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> WhereLess(Lanes512<T> a, Lanes512<T> b, Lanes512<T> value) =>
        new(Vector512.LessThan(a._value, b._value) & value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes512<T> KeepFirst(int count) => WhereLess(new(Vector512<T>.Indices), All(count), this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum() => new Lanes256<T>(_value.GetLower() + _value.GetUpper()).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp2(Vector512<float> x)
    {
        if (Avx512DQ.IsSupported)
        {
            // The part of x above the next whole number down, and a scaling by 2 to that number: one instruction each, zero for minus
            // infinity.
            return Avx512F.Scale(Exp2Polynomial.At<Lanes512<float>, float>(new(Avx512DQ.Reduce(x, 0b0000_1001)))._value, x);
        }

        Vector512<float> bounded = Vector512.MaxNative(x, Vector512.Create(-126f));
        Vector512<float> whole = Vector512.Floor(bounded);
        Vector512<float> power = Exp2Polynomial.At<Lanes512<float>, float>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector512<float> scaled = (power.AsInt32() + ((whole + Vector512.Create(12582912f)).AsInt32() << 23)).AsSingle();
        return Vector512.AndNot(scaled, Vector512.LessThan(x, Vector512.Create(-126f)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Exp2(Vector512<double> x)
    {
        if (Avx512DQ.IsSupported)
        {
            // The part of x above the next whole number down, and a scaling by 2 to that number: one instruction each, zero for minus
            // infinity.
            return Avx512F.Scale(Exp2Polynomial.At<Lanes512<double>, double>(new(Avx512DQ.Reduce(x, 0b0000_1001)))._value, x);
        }

        Vector512<double> bounded = Vector512.MaxNative(x, Vector512.Create(-1022d));
        Vector512<double> whole = Vector512.Floor(bounded);
        Vector512<double> power = Exp2Polynomial.At<Lanes512<double>, double>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector512<double> scaled = (power.AsInt64() + ((whole + Vector512.Create(6755399441055744d)).AsInt64() << 52)).AsDouble();
        return Vector512.AndNot(scaled, Vector512.LessThan(x, Vector512.Create(-1022d)));
    }
}
