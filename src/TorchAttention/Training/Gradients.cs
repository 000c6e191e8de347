using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>What a step looks at in the gradients of a module's parameters.</summary>
internal static class Gradients
{
    /// <summary>The norm of all gradients together; NaN or infinite where one of them is.</summary>
    public static double Norm(IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        double sum = 0;
        foreach ((_, Parameter parameter) in parameters)
        {
            using Tensor? gradient = parameter.grad;
            sum += gradient is null ? 0 : SumOfSquares(gradient);
        }

        return Math.Sqrt(sum);
    }

    /// <summary>
    /// Multiplies the gradients. A norm is clipped by exactly its part too much, as the book does; torch's <c>clip_grad_norm_</c> divides
    /// by norm + 1e-6.
    /// </summary>
    public static void Scale(IReadOnlyList<(string Name, Parameter Parameter)> parameters, double by)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using Scalar factor = by;
        foreach ((_, Parameter parameter) in parameters)
        {
            parameter.grad?.mul_(factor);
        }
    }

    /// <summary>The first parameter that is not finite, or whose gradient is not; null where all are.</summary>
    public static string? FirstNonFinite(IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        foreach ((string name, Parameter parameter) in parameters)
        {
            if (FirstOf(parameter) is double value)
            {
                return $"the parameter {name} has {value}";
            }

            using Tensor? gradient = parameter.grad;
            if (gradient is not null && FirstOf(gradient) is double slope)
            {
                return $"the gradient of {name} has {slope}";
            }
        }

        return null;
    }

    /// <summary>The parameter with the largest number of all, and that number.</summary>
    public static (string Name, double Value) Largest(IReadOnlyList<(string Name, Parameter Parameter)> parameters) =>
        parameters.SelectMany(
            pair => pair.Parameter.ToDoubles().Select(value => (pair.Name, Value: value))).MaxBy(pair => Math.Abs(pair.Value));

    private static double? FirstOf(Tensor numbers)
    {
        foreach (double value in numbers.ToDoubles())
        {
            if (!double.IsFinite(value))
            {
                return value;
            }
        }

        return null;
    }

    // A few numbers on the CPU are summed here sooner than libtorch is called.
    private static double SumOfSquares(Tensor gradient)
    {
        if (gradient.dtype != ScalarType.Float32 || gradient.device_type != DeviceType.CPU)
        {
            using DisposeScope scope = NewDisposeScope();
            return gradient.to(ScalarType.Float64).pow(Held.Two).sum().ToDouble();
        }

        using var numbers = new Numbers<float>(gradient);
        double sum = 0;
        foreach (float value in numbers.Span)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
