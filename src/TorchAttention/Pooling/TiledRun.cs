using System.Numerics;
using TorchAttention.Numerics.Attention;

namespace TorchAttention.Pooling;

/// <summary>A pass of <see cref="TiledAttention"/>: arrays of its own, which no one can change until its gradients are asked for.</summary>
internal abstract class TiledRun
{
    /// <summary>Queries, keys, values, biases and weights.</summary>
    public const int Inputs = 5;

    /// <summary>The gradients of the inputs; null where none is wanted.</summary>
    /// <param name="outputGradient">(parts, queries, v).</param>
    public abstract Tensor?[] Gradients(Tensor outputGradient);

    /// <summary>The same outputs in operations of libtorch.</summary>
    /// <param name="inputs">The inputs.</param>
    public abstract Tensor Textbook(IReadOnlyList<Tensor> inputs);
}

/// <inheritdoc/>
internal sealed unsafe class TiledRun<TScore, T> : TiledRun
    where TScore : IScore
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly TiledProblem<TScore> _problem;
    private readonly T[][] _arrays;
    private readonly long[][] _shapes;
    private readonly bool[] _wanted;
    private readonly T[] _outputs;
    private readonly T[] _logSums;

    public TiledRun(TiledProblem<TScore> problem, IReadOnlyList<Tensor> inputs)
    {
        _problem = problem;
        _arrays = [.. inputs.Select(ToArray)];
        _shapes = [.. inputs.Select(input => input.shape)];
        _wanted = [.. inputs.Select(input => is_grad_enabled() && input.requires_grad)];
        _outputs = new T[_shapes[0][0] * _shapes[0][1] * _shapes[2][2]];
        _logSums = new T[_shapes[0][0] * _shapes[0][1]];
    }

    /// <summary>Outputs, recorded as a function of the inputs.</summary>
    public Tensor Attend(IReadOnlyList<Tensor> inputs)
    {
        WithPointers((request, results) => AttentionPasses.Forward<TScore, T>(request, results));
        Tensor output = ToTensor(_outputs, [_shapes[0][0], _shapes[0][1], _shapes[2][2]]);
        return Array.Exists(_wanted, wanted => wanted) ? TiledFunction.Record(inputs, output, this) : output;
    }

    /// <inheritdoc/>
    public override Tensor Textbook(IReadOnlyList<Tensor> inputs) => _problem.Textbook(inputs);

    /// <inheritdoc/>
    public override Tensor?[] Gradients(Tensor outputGradient)
    {
        T[] given = ToArray(outputGradient);
        T[]?[] found = [.. _arrays.Select((array, i) => _wanted[i] ? new T[array.Length] : null)];
        fixed (T* queries = found[0], keys = found[1], values = found[2], bias = found[3], weights = found[4], output = given)
        {
            var gradients = new AttentionGradients<T>
            {
                Queries = queries,
                Keys = keys,
                Values = values,
                LeadBias = bias,
                Weights = weights,
            };
            nint outputs = (nint)output;
            WithPointers((request, results) => AttentionPasses.Backward<TScore, T>(
                request, results, (T*)outputs, gradients));
        }

        return [.. found.Select((array, i) => array is null ? null : ToTensor(array, _shapes[i]))];
    }

    private void WithPointers(Action<AttentionRequest<T>, AttentionResults<T>> run)
    {
        fixed (T* queries = _arrays[0], keys = _arrays[1], values = _arrays[2], bias = _arrays[3], weights = _arrays[4])
        fixed (T* outputs = _outputs, logSums = _logSums)
        {
            run(
                new AttentionRequest<T>
                {
                    Parts = (int)_shapes[0][0],
                    QueryCount = (int)_shapes[0][1],
                    KeyCount = (int)_shapes[1][1],
                    Features = (int)_shapes[0][2],
                    Columns = (int)_shapes[2][2],
                    Scale = _problem.Scale,
                    Range = _problem.Range,
                    Threads = _problem.Options.Threads ?? Environment.ProcessorCount,
                    VectorBits = _problem.Options.VectorBits,
                    Queries = queries,
                    Keys = keys,
                    Values = values,
                    LeadBias = bias,
                    BiasParts = _arrays[3].Length == 0 ? 0 : (int)_shapes[3][0],
                    Weights = weights,
                },
                new AttentionResults<T>(outputs, logSums));
        }
    }

    private static T[] ToArray(Tensor tensor)
    {
        using Tensor plain = tensor.detach();
        using var numbers = new Numbers<T>(plain);
        return numbers.Span.ToArray();
    }

    private static Tensor ToTensor(T[] array, long[] shape) => array switch
    {
        float[] numbers => tensor(numbers, shape, ScalarType.Float32),
        double[] numbers => tensor(numbers, shape, ScalarType.Float64),
        _ => throw new NotSupportedException($"Expected float or double, got {typeof(T).Name}."),
    };
}
