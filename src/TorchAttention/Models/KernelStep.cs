using System.Numerics;
using System.Runtime.InteropServices;
using TorchAttention.Data;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// The step of a kernel regression with a w for all keys: loss (1/2m) sum_i (f(q_i) - y_i)^2 and its gradient (1/m) sum_i (f(q_i) - y_i)
/// df/dw by the engine.
/// </summary>
/// <param name="pass">How the model pools, and what it keeps of that.</param>
/// <param name="w">w (1) or (d).</param>
/// <param name="leavesOneOut">Whether an example is kept from its own pair while training.</param>
internal sealed class KernelStep<T>(KernelPass pass, Parameter w, bool leavesOneOut) : IDirectStep
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private T[] _x = [];
    private T[] _y = [];
    private long[] _places = [];
    private bool _isTraining;
    private Tensor? _like;
    private long[] _shape = [];

    private T[] _outputs = [];
    private T[] _slopes = [];
    private T[] _errors = [];
    private int _count;

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
    public double Loss(int first, int count)
    {
        double[] numbers = w.ToDoubles();
        ReadOnlySpan<T> queries = _x.AsSpan(first * Features, count * Features);
        bool isWithout = leavesOneOut && _isTraining;
        ReadOnlySpan<long> places = _places.AsSpan(first, isWithout ? count : 0);
        pass.KeepFor(new LastPass(
            MemoryMarshal.AsBytes(queries).ToArray(), [count, .. _shape[1..]], _like!, numbers,
            isWithout ? MemoryMarshal.AsBytes(places).ToArray() : null));
        if (AttentionChoice.HasRunAway(numbers))
        {
            return double.NaN;
        }

        if (_outputs.Length < count)
        {
            (_outputs, _errors, _slopes) = (new T[count], new T[count], new T[count * Features]);
        }

        _count = count;
        var answers = new PoolingOutput<T>
        {
            Values = _outputs.AsSpan(0, count),
            InverseBandwidthGradient = _slopes.AsSpan(0, _isTraining ? count * Features : 0),
        };
        int[] leftOut = new int[places.Length];
        for (int i = 0; i < leftOut.Length; i++)
        {
            leftOut[i] = (int)places[i];
        }

        double[] each = numbers.Length == Features ? numbers : [.. Enumerable.Repeat(numbers[0], Features)];
        pass.Kernel.Call<Pooling, PoolingReport>(
            new Pooling(pass.Samples<T>(), new PoolingWidths { InverseBandwidths = each }, queries, answers, leftOut));
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            double error = double.CreateTruncating(_outputs[i]) - double.CreateTruncating(_y[first + i]);
            _errors[i] = T.CreateTruncating(error / count);
            sum += error * error;
        }

        return sum / (2 * count);
    }

    /// <inheritdoc/>
    public double WriteGradient(double clip)
    {
        double[] sums = EngineGradient.ByW<T>(
            _errors.AsSpan(0, _count), _slopes.AsSpan(0, _count * Features), Features, w.numel() == 1);
        double squares = 0;
        for (int j = 0; j < sums.Length; j++)
        {
            sums[j] = double.CreateTruncating(T.CreateTruncating(sums[j]));
            squares += sums[j] * sums[j];
        }

        double norm = Math.Sqrt(squares);
        if (!double.IsFinite(norm))
        {
            return norm;
        }

        double factor = clip > 0 && norm > clip ? clip / norm : 1;
        using Tensor gradient = w.grad ?? New();
        using var numbers = new Numbers<T>(gradient);
        for (int j = 0; j < sums.Length; j++)
        {
            numbers.Span[j] = T.CreateTruncating(factor * sums[j]);
        }

        return norm;
    }

    private Tensor New()
    {
        Tensor gradient = zeros_like(w).DetachFromDisposeScope();
        w.grad = gradient;
        return gradient;
    }

    private readonly ref struct Pooling(
        Samples<T> samples, PoolingWidths widths, ReadOnlySpan<T> queries, PoolingOutput<T> answers, ReadOnlySpan<int> leftOut)
        : IKernelCall<PoolingReport>
    {
        private readonly ReadOnlySpan<T> _queries = queries;
        private readonly PoolingOutput<T> _answers = answers;
        private readonly ReadOnlySpan<int> _leftOut = leftOut;

        public PoolingReport Run<TKernel>()
            where TKernel : IKernel => KernelPooling.Pool<TKernel, T>(samples, widths, _queries, _answers, _leftOut, KernelPass.Nearest);
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
