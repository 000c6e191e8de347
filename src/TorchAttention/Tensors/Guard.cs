using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchAttention;

/// <summary>Argument checks that quote the value, the range and the shapes.</summary>
internal static class Guard
{
    public static T AtLeast<T>(T value, T least, [CallerArgumentExpression(nameof(value))] string? name = null)
        where T : INumber<T>
        => value >= least ? value : throw new ArgumentOutOfRangeException(name, value, $"Expected at least {least}, got {value}.");

    public static double Positive(double value, [CallerArgumentExpression(nameof(value))] string? name = null)
        => value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"Expected a positive, finite number, got {value}.");

    public static double NotNegative(double value, [CallerArgumentExpression(nameof(value))] string? name = null)
        => value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"Expected a finite number of at least 0, got {value}.");

    public static double Part(double value, [CallerArgumentExpression(nameof(value))] string? name = null)
        => value is >= 0 and < 1
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"Expected at least 0 and below 1, got {value}.");

    public static T Defined<T>(T value, [CallerArgumentExpression(nameof(value))] string? name = null)
        where T : struct, Enum
        => Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"Expected one of {string.Join(", ", Enum.GetNames<T>())}, got {value}.");

    public static Tensor Vector(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return tensor.dim() == 1 && tensor.numel() > 0
            ? tensor
            : throw new ArgumentException($"Expected a vector of at least one element, got shape {Shape(tensor)}.", name);
    }

    public static Tensor Matrix(Tensor tensor, string what = "a matrix", [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return tensor.dim() == 2 ? tensor : throw new ArgumentException($"Expected {what}, got shape {Shape(tensor)}.", name);
    }

    public static Tensor Rows(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return tensor.dim() is 1 or 2 && tensor.numel() > 0
            ? tensor
            : throw new ArgumentException(
                $"Expected a vector (n) or a matrix (n, d) of at least one element, got shape {Shape(tensor)}.", name);
    }

    public static Tensor Queries(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return tensor.dim() == 1 || (tensor.dim() == 2 && tensor.size(1) > 0)
            ? tensor
            : throw new ArgumentException($"Expected queries (m), or (m, d) of at least one feature, got shape {Shape(tensor)}.", name);
    }

    /// <summary>The error of an argument that does not fit the others, by its name.</summary>
    public static ArgumentException Unfit(
        Tensor tensor, string message, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return new ArgumentException(message, name);
    }

    public static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";
}
