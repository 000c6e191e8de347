namespace TorchAttention.Numerics.Vectors;

/// <summary>A register of numbers that are computed on together: what the loops over pairs are written in, once for every width.</summary>
/// <remarks>
/// Implementations are structs around one hardware vector, so that a loop is compiled for its width with nothing left of this interface.
/// </remarks>
/// <typeparam name="TSelf">The implementation.</typeparam>
/// <typeparam name="T">float or double.</typeparam>
public unsafe interface ILanes<TSelf, T>
    where TSelf : struct, ILanes<TSelf, T>
    where T : unmanaged
{
    /// <summary>How many numbers it holds.</summary>
    static abstract int Count { get; }

    /// <summary>The same number in every lane.</summary>
    /// <param name="value">The number.</param>
    static abstract TSelf All(double value);

    /// <summary>A number in every lane.</summary>
    /// <param name="source">The number.</param>
    static abstract TSelf Broadcast(T* source);

    /// <summary>Reads <see cref="Count"/> numbers.</summary>
    /// <param name="source">The first of them.</param>
    static abstract TSelf Load(T* source);

    /// <summary>Writes <see cref="Count"/> numbers.</summary>
    /// <param name="destination">Where the first goes.</param>
    void Store(T* destination);

    /// <summary>a + b in each lane.</summary>
    static abstract TSelf operator +(TSelf a, TSelf b);

    /// <summary>a - b in each lane.</summary>
    static abstract TSelf operator -(TSelf a, TSelf b);

    /// <summary>a b in each lane.</summary>
    static abstract TSelf operator *(TSelf a, TSelf b);

    /// <summary>a / b in each lane.</summary>
    static abstract TSelf operator /(TSelf a, TSelf b);

    /// <summary>a b + c in each lane; rounded once where the hardware can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The smaller of both in each lane.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>The larger of both in each lane.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The square root in each lane.</summary>
    static abstract TSelf Sqrt(TSelf a);

    /// <summary>
    /// 2^x for x up to 0; relative error below 2e-7 for float, 1e-15 for double. Results below the smallest normal number may be 0.
    /// </summary>
    /// <param name="x">Exponents, at most 0; minus infinity gives 0.</param>
    static abstract TSelf Exp2(TSelf x);

    /// <summary>The value where a &lt; b, else 0.</summary>
    static abstract TSelf WhereLess(TSelf a, TSelf b, TSelf value);

    /// <summary>The first lanes as they are, 0 in the others.</summary>
    /// <param name="count">How many lanes to keep.</param>
    TSelf KeepFirst(int count);

    /// <summary>The sum over the lanes.</summary>
    double Sum();
}
