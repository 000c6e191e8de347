using System.Diagnostics;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Pooling;

/// <summary>
/// A tensor in the place of a register: what a kernel says of numbers, it says of tensors, and libtorch differentiates it as often as one
/// asks.
/// </summary>
/// <param name="value">The tensor.</param>
internal readonly unsafe struct TensorLanes(Tensor value) : ILanes<TensorLanes, float>
{
    /// <summary>The tensor.</summary>
    public Tensor Value { get; } = value;

    public static int Count => throw new UnreachableException();

    // A number without sides takes the type and the device of what it meets.
    public static TensorLanes All(double value) => new(tensor(value, ScalarType.Float64));

    public static TensorLanes Broadcast(float* source) => throw new UnreachableException();

    public static TensorLanes Load(float* source) => throw new UnreachableException();

    public void Store(float* destination) => throw new UnreachableException();

    public static TensorLanes operator +(TensorLanes a, TensorLanes b) => new(a.Value.Plus(b.Value));

    public static TensorLanes operator -(TensorLanes a, TensorLanes b) => new(a.Value - b.Value);

    public static TensorLanes operator *(TensorLanes a, TensorLanes b) => new(a.Value * b.Value);

    public static TensorLanes operator /(TensorLanes a, TensorLanes b) => new(a.Value / b.Value);

    public static TensorLanes MultiplyAdd(TensorLanes a, TensorLanes b, TensorLanes c) => (a * b) + c;

    public static TensorLanes Min(TensorLanes a, TensorLanes b) => new(minimum(a.Value, b.Value));

    public static TensorLanes Max(TensorLanes a, TensorLanes b) => new(maximum(a.Value, b.Value));

    // The root's slope at 0 is infinite, and times the distance's 0 it would make every gradient NaN.
    public static TensorLanes Sqrt(TensorLanes a)
    {
        Tensor isZero = a.Value.eq(Held.Zero);
        return new(a.Value.masked_fill(isZero, Held.One).sqrt().masked_fill(isZero, Held.Zero));
    }

    public static TensorLanes Exp2(TensorLanes x) => new(x.Value.exp2());

    public static TensorLanes WhereLess(TensorLanes a, TensorLanes b, TensorLanes value) =>
        new(where(a.Value.lt(b.Value), value.Value.to(a.Value.dtype), zeros_like(a.Value)));

    public TensorLanes KeepFirst(int count) => throw new UnreachableException();

    public double Sum() => throw new UnreachableException();
}
