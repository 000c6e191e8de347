using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.Vectors;

/// <summary>16 bytes at a time: NEON and SSE, and correct where there are no vectors at all.</summary>
internal readonly unsafe struct Lanes128<T>(Vector128<T> value) : ILanes<Lanes128<T>, T>
    where T : unmanaged
{
    private readonly Vector128<T> _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128<T>.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> All(double value) =>
        typeof(T) == typeof(float) ? new(Vector128.Create((float)value).As<float, T>()) : new(Vector128.Create(value).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Broadcast(T* source) => new(Vector128.Create(*source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Load(T* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(T* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator +(Lanes128<T> a, Lanes128<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator -(Lanes128<T> a, Lanes128<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator *(Lanes128<T> a, Lanes128<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator /(Lanes128<T> a, Lanes128<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> MultiplyAdd(Lanes128<T> a, Lanes128<T> b, Lanes128<T> c)
    {
        return typeof(T) == typeof(float)
            ? new(Vector128.MultiplyAddEstimate(a._value.AsSingle(), b._value.AsSingle(), c._value.AsSingle()).As<float, T>())
            : new(Vector128.MultiplyAddEstimate(a._value.AsDouble(), b._value.AsDouble(), c._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Min(Lanes128<T> a, Lanes128<T> b) => new(Vector128.MinNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Max(Lanes128<T> a, Lanes128<T> b) => new(Vector128.MaxNative(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Sqrt(Lanes128<T> a) => new(Vector128.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Exp2(Lanes128<T> x)
    {
        return typeof(T) == typeof(float)
            ? new(Exp2(x._value.AsSingle()).As<float, T>())
            : new(Exp2(x._value.AsDouble()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> WhereLess(Lanes128<T> a, Lanes128<T> b, Lanes128<T> value) =>
        new(Vector128.LessThan(a._value, b._value) & value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes128<T> KeepFirst(int count) => WhereLess(new(Vector128<T>.Indices), All(count), this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public double Sum() => typeof(T) == typeof(float) ? Vector128.Sum(_value.AsSingle()) : Vector128.Sum(_value.AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Exp2(Vector128<float> x)
    {
        Vector128<float> bounded = Vector128.MaxNative(x, Vector128.Create(-126f));
        Vector128<float> whole = Vector128.Floor(bounded);
        Vector128<float> power = Exp2Polynomial.At<Lanes128<float>, float>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector128<float> scaled = (power.AsInt32() + ((whole + Vector128.Create(12582912f)).AsInt32() << 23)).AsSingle();
        return Vector128.AndNot(scaled, Vector128.LessThan(x, Vector128.Create(-126f)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Exp2(Vector128<double> x)
    {
        Vector128<double> bounded = Vector128.MaxNative(x, Vector128.Create(-1022d));
        Vector128<double> whole = Vector128.Floor(bounded);
        Vector128<double> power = Exp2Polynomial.At<Lanes128<double>, double>(new(bounded - whole))._value;

        // Adding 1.5 times 2 to the number of mantissa bits leaves the whole number in the lowest bits; shifted, it is what the exponent
        // needs.
        Vector128<double> scaled = (power.AsInt64() + ((whole + Vector128.Create(6755399441055744d)).AsInt64() << 52)).AsDouble();
        return Vector128.AndNot(scaled, Vector128.LessThan(x, Vector128.Create(-1022d)));
    }
}
