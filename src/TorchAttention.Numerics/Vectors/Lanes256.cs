using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Vectors;

/// <summary>32 bytes at a time: AVX2.</summary>
internal readonly unsafe struct Lanes256<T>(Vector256<T> value) : ILanes<Lanes256<T>, T>
    where T : unmanaged
{
    private readonly Vector256<T> _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256<T>.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> All(double value) =>
        typeof(T) == typeof(float) ? new(Vector256.Create((float)value).As<float, T>()) : new(Vector256.Create(value).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Broadcast(T* source) => new(Vector256.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Load(T* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(T* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator +(Lanes256<T> a, Lanes256<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator -(Lanes256<T> a, Lanes256<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator *(Lanes256<T> a, Lanes256<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator /(Lanes256<T> a, Lanes256<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> MultiplyAdd(Lanes256<T> a, Lanes256<T> b, Lanes256<T> c)
    {
        return typeof(T) == typeof(float)
            ? new(Vector256.MultiplyAddEstimate(a._value.AsSingle(), b._value.AsSingle(), c._value.AsSingle()).As<float, T>())
            : new(Vector256.MultiplyAddEstimate(a._value.AsDouble(), b._value.AsDouble(), c._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Min(Lanes256<T> a, Lanes256<T> b) => new(Vector256.MinNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Max(Lanes256<T> a, Lanes256<T> b) => new(Vector256.MaxNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Sqrt(Lanes256<T> a) => new(Vector256.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Exp2(Lanes256<T> x)
    {
        return typeof(T) == typeof(float)
            ? new(Exp2(x._value.AsSingle()).As<float, T>())
            : new(Exp2(x._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> WhereLess(Lanes256<T> a, Lanes256<T> b, Lanes256<T> value) =>
        new(Vector256.LessThan(a._value, b._value) & value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes256<T> KeepFirst(int count) => WhereLess(new(Vector256<T>.Indices), All(count), this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum() => new Lanes128<T>(_value.GetLower() + _value.GetUpper()).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Exp2(Vector256<float> x)
    {
        Vector256<float> bounded = Vector256.MaxNative(x, Vector256.Create(-126f));
        Vector256<float> whole = Vector256.Floor(bounded);
        Vector256<float> power = Exp2Polynomial.At<Lanes256<float>, float>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector256<float> scaled = (power.AsInt32() + ((whole + Vector256.Create(12582912f)).AsInt32() << 23)).AsSingle();
        return Vector256.AndNot(scaled, Vector256.LessThan(x, Vector256.Create(-126f)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Exp2(Vector256<double> x)
    {
        Vector256<double> bounded = Vector256.MaxNative(x, Vector256.Create(-1022d));
        Vector256<double> whole = Vector256.Floor(bounded);
        Vector256<double> power = Exp2Polynomial.At<Lanes256<double>, double>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector256<double> scaled = (power.AsInt64() + ((whole + Vector256.Create(6755399441055744d)).AsInt64() << 52)).AsDouble();
        return Vector256.AndNot(scaled, Vector256.LessThan(x, Vector256.Create(-1022d)));
    }
}
