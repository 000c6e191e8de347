using System.Numerics;
using TorchAttention.Numerics.Losses;

namespace TorchAttention.Pooling;

/// <summary>What backward needs of a pooling by the engine: arrays of its own, which nothing that the caller does can change.</summary>
/// <param name="form">The same pooling in operations of libtorch; null where there is none.</param>
internal abstract class EngineGradient(TextbookForm form)
{
    /// <summary>The same pooling in operations of libtorch; null where there is none, and gradients have no graph.</summary>
    public TextbookForm Form => form;

    /// <summary>The gradients of queries, values and w from that of the output; null where not wanted.</summary>
    public abstract (Tensor? Queries, Tensor? Values, Tensor? W) Of(Tensor outputGradient);
}

/// <inheritdoc/>
/// <param name="form">The same pooling in operations of libtorch; null where there is none.</param>
/// <param name="shapes">The sizes.</param>
/// <param name="isShared">Whether all features share one w.</param>
/// <param name="wanted">Which gradients to compute.</param>
/// <param name="byW">dy/dw (m, v, d).</param>
/// <param name="byQuery">dy/dq (m, v, d).</param>
/// <param name="byValue">The gradient of the values (n, v) from that of the output (m, v).</param>
internal sealed class EngineGradient<T>(
    TextbookForm form, EngineShapes shapes, bool isShared, WantedGradients wanted, T[] byW, T[] byQuery,
    Func<T[], double[]>? byValue) : EngineGradient(form)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public override (Tensor? Queries, Tensor? Values, Tensor? W) Of(Tensor outputGradient)
    {
        T[] gradient;
        using (var numbers = new Numbers<T>(outputGradient))
        {
            gradient = numbers.Span.ToArray();
        }

        return (
            wanted.Queries ? Write(ByQuery(gradient), shapes.QueryShape) : null,
            wanted.Values ? Write(byValue!(gradient), shapes.ValueShape) : null,
            wanted.W ? Write(KernelLoss<T>.ByW(gradient, byW, shapes.Features, isShared), [isShared ? 1 : shapes.Features]) : null);
    }

    private double[] ByQuery(T[] gradient)
    {
        double[] sums = new double[shapes.Queries * shapes.Features];
        for (int i = 0, at = 0; i < gradient.Length; i++)
        {
            double g = double.CreateTruncating(gradient[i]);
            int first = i / shapes.Columns * shapes.Features;
            for (int j = 0; j < shapes.Features; j++)
            {
                sums[first + j] += g * double.CreateTruncating(byQuery[at++]);
            }
        }

        return sums;
    }

    private static Tensor Write(double[] numbers, long[] shape)
    {
        Tensor tensor = empty(shape, typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64);
        using var destination = new Numbers<T>(tensor);
        Span<T> span = destination.Span;
        for (int i = 0; i < span.Length; i++)
        {
            span[i] = T.CreateTruncating(numbers[i]);
        }

        return tensor;
    }
}
