using System.Numerics;
using System.Runtime.InteropServices;
using TorchAttention.Data;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// The step of a kernel regression that learns w alone: loss (1/2m) sum_i (f(q_i) - y_i)^2 and its gradient (1/m) sum_i (f(q_i) - y_i)
/// df/dw by the engine. A batch is cut into slices of <see cref="KernelLoss.SliceExamples"/>, whose parts are added in their order.
/// </summary>
/// <param name="pass">How the model pools, and what it keeps of that.</param>
/// <param name="w">w (1), (d) or (regions).</param>
/// <param name="regions">The place in w of each key's, int64 (n); null where w is that of all keys, or of each feature.</param>
/// <param name="leavesOneOut">Whether an example is kept from its own pair while training.</param>
internal sealed class KernelStep<T>(KernelPass pass, Parameter w, Tensor? regions, bool leavesOneOut) : IDirectStep
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int[]? _regions = regions is null ? null : EnginePooling.Indices(regions);
    private KernelLoss<T>? _loss;
    private T[] _x = [];
    private T[] _y = [];
    private long[] _places = [];
    private bool _isTraining;
    private Tensor? _like;
    private long[] _shape = [];
    private double[] _gradient = [];

    /// <inheritdoc/>
    public ILossSlices? Elsewhere { get; set; }

    private int Features => _x.Length / Math.Max(1, _y.Length);

    /// <inheritdoc/>
    public void Take(TensorLoader loader, Tensor order, bool isTraining)
    {
        using (var places = new Numbers<long>(order))
        {
            _places = places.Span.ToArray();
        }

        using var x = new Numbers<T>(loader.X);
        using var y = new Numbers<T>(loader.Y);
        (_like, _shape, _isTraining) = (loader.X, loader.X.shape, isTraining);
        _x = Rows(x.Span, _x);
        _y = Rows(y.Span, _y);
    }

    /// <inheritdoc/>
    public double Loss(int first, int count, CancellationToken cancellationToken)
    {
        double[] numbers = w.ToDoubles();
        bool isWithout = leavesOneOut && _isTraining;
        ReadOnlySpan<long> places = _places.AsSpan(first, isWithout ? count : 0);
        pass.KeepFor(new LastPass(
            MemoryMarshal.AsBytes(_x.AsSpan(first * Features, count * Features)).ToArray(), [count, .. _shape[1..]], _like!,
            _regions is null ? numbers : [.. _regions.Select(region => numbers[region])],
            isWithout ? MemoryMarshal.AsBytes(places).ToArray() : null));
        if (AttentionChoice.HasRunAway(numbers))
        {
            return double.NaN;
        }

        Samples<T> samples = pass.Samples<T>();
        if (_loss is null || _loss.Samples != samples)
        {
            _loss = new KernelLoss<T>(pass.Kernel, samples, _regions);
        }

        int[] leftOut = new int[places.Length];
        for (int i = 0; i < leftOut.Length; i++)
        {
            leftOut[i] = (int)places[i];
        }

        double squares = 0;
        _gradient = new double[_isTraining ? numbers.Length : 0];
        foreach (LossPart part in Parts(_loss, new LossAsked(numbers, count, _isTraining), first, leftOut, cancellationToken))
        {
            squares += part.Squares;
            for (int j = 0; j < _gradient.Length; j++)
            {
                _gradient[j] += part.Gradient[j];
            }
        }

        return squares / (2 * count);
    }

    /// <inheritdoc/>
    public double WriteGradient(double clip)
    {
        double squares = 0;
        for (int j = 0; j < _gradient.Length; j++)
        {
            _gradient[j] = double.CreateTruncating(T.CreateTruncating(_gradient[j]));
            squares += _gradient[j] * _gradient[j];
        }

        double norm = Math.Sqrt(squares);
        if (!double.IsFinite(norm))
        {
            return norm;
        }

        double factor = clip > 0 && norm > clip ? clip / norm : 1;
        using Tensor gradient = w.grad ?? New();
        using var numbers = new Numbers<T>(gradient);
        for (int j = 0; j < _gradient.Length; j++)
        {
            numbers.Span[j] = T.CreateTruncating(factor * _gradient[j]);
        }

        return norm;
    }

    private IEnumerable<LossPart> Parts(
        KernelLoss<T> loss, LossAsked asked, int first, int[] leftOut, CancellationToken cancellationToken)
    {
        if (asked.Examples <= KernelLoss.SliceExamples)
        {
            return [loss.PartOf(Slice(0, asked.Examples), asked, cancellationToken)];
        }

        var slices = new List<LossSlice<T>>();
        for (int at = 0; at < asked.Examples; at += KernelLoss.SliceExamples)
        {
            slices.Add(Slice(at, Math.Min(KernelLoss.SliceExamples, asked.Examples - at)));
        }

        return Elsewhere?.Compute(loss, asked, slices, cancellationToken)
            ?? slices.Select(slice => loss.PartOf(slice, asked, cancellationToken));

        LossSlice<T> Slice(int at, int count) => new(
            _x.AsMemory((first + at) * Features, count * Features), _y.AsMemory(first + at, count),
            leftOut.Length == 0 ? default : leftOut.AsMemory(at, count));
    }

    private Tensor New()
    {
        Tensor gradient = zeros_like(w).DetachFromDisposeScope();
        w.grad = gradient;
        return gradient;
    }

    private T[] Rows(ReadOnlySpan<T> all, T[] rows)
    {
        int columns = all.Length / Math.Max(1, _places.Length);
        rows = rows.Length == all.Length ? rows : new T[all.Length];
        for (int i = 0; i < _places.Length; i++)
        {
            all.Slice((int)_places[i] * columns, columns).CopyTo(rows.AsSpan(i * columns));
        }

        return rows;
    }
}
