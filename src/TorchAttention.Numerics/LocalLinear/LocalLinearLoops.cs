using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.LocalLinear;

/// <inheritdoc cref="ILocalLinearLoops"/>
/// <typeparam name="TLanes">The registers.</typeparam>
internal sealed unsafe partial class LocalLinearLoops<TLanes> : ILocalLinearLoops
    where TLanes : struct, ILanes<TLanes, double>
{
    private const int Tile = PackedKeys.Tile;

    // Farther than any key that is seen, and its negative half no exponent that overflows.
    private const double Unseen = 1e300;

    // exp(-r^2 / 2) as a power of 2.
    private const double PowerOfTwo = 0.5 * 1.4426950408889634;

    private readonly LocalLinearInput _input;
    private readonly PackedKeys _packed;
    private readonly LocalLinearRows _rows;
    private readonly LocalLinearSystem _system;
    private readonly int _d;
    private readonly int _c;
    private readonly double[] _seen;
    private readonly Scratch _memory;
    private readonly double* _u;
    private readonly double* _weighted;
    private readonly double* _p;
    private readonly double* _sums;
    private readonly double* _zeros;

    public LocalLinearLoops(LocalLinearInput input, PackedKeys packed, LocalLinearRows rows)
    {
        (_input, _packed, _rows) = (input, packed, rows);
        (_d, _c) = (input.Features, input.Columns);
        _system = new LocalLinearSystem(_d, _c);
        _seen = new double[packed.Count];
        _seen.AsSpan(0, packed.KeyCount).Fill(1);
        _memory = new Scratch((((2 * _d) + 2) * Tile * sizeof(double)) + (2 * _d * TLanes.Count * sizeof(double)));
        _u = _memory.As<double>();
        _weighted = _u + (_d * Tile);
        _p = _weighted + (_d * Tile);
        _zeros = _p + Tile;
        _sums = _zeros + Tile;
        new Span<double>(_zeros, Tile).Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <inheritdoc/>
    public void Fit(int first, int end)
    {
        fixed (double* keys = _packed.Keys, values = _packed.Values, seen = _seen, queries = _input.Queries, scale = _input.Scale)
        {
            for (int query = first; query < end; query++)
            {
                Hide(query, 0);
                Fit(query, queries + (query * _d), scale, keys, values, seen);
                Hide(query, 1);
            }
        }
    }

    /// <inheritdoc/>
    public void Differentiate(int first, int end, double[] outputGradient, double[] byQuery, double[] byKey, double[] byScale)
    {
        fixed (double* keys = _packed.Keys, values = _packed.Values, seen = _seen, queries = _input.Queries, scale = _input.Scale)
        fixed (double* keyGradients = byKey)
        {
            for (int query = first; query < end; query++)
            {
                if (double.IsInfinity(_rows.Least[query]))
                {
                    continue;
                }

                Hide(query, 0);
                _system.Prepare(query, _rows, _input.Ridge, outputGradient.AsSpan(query * _c, _c));
                new Span<double>(_sums, 2 * _d * TLanes.Count).Clear();
                if (IsFused)
                {
                    DifferentiateFused(query, queries + (query * _d), scale, keys, values, seen, outputGradient[query], keyGradients);
                }

                for (int tile = 0; tile < _packed.Tiles && !IsFused; tile++)
                {
                    Weigh(query, queries + (query * _d), scale, keys + (tile * _d * Tile), seen + (tile * Tile));
                    AddGradients(
                        queries + (query * _d), scale, keys + (tile * _d * Tile), values + (tile * _c * Tile),
                        outputGradient.AsSpan(query * _c, _c), 1 / _rows.WeightSum[query],
                        keyGradients is null ? null : keyGradients + (tile * (_d + _c) * Tile));
                }

                for (int j = 0; j < _d; j++)
                {
                    double sum = TLanes.Load(_sums + (j * TLanes.Count)).Sum();
                    byQuery[(query * _d) + j] = -scale[j] * sum;
                    byScale[j] += TLanes.Load(_sums + ((_d + j) * TLanes.Count)).Sum();
                }

                byScale[_d] += _system.ByRidge;
                Hide(query, 1);
            }
        }
    }

    private void Hide(int query, double seen)
    {
        if (_input.LeftOut.Length > 0 && _input.LeftOut[query] >= 0)
        {
            _seen[_input.LeftOut[query]] = seen;
        }
    }

    private void Fit(int query, double* q, double* scale, double* keys, double* values, double* seen)
    {
        if (IsFused)
        {
            FitFused(query, q, scale, keys, values, seen);
            return;
        }

        double least = Least(q, scale, keys, seen);
        _rows.Least[query] = least < Unseen ? least : double.PositiveInfinity;
        if (!(least < Unseen))
        {
            return;
        }

        _system.Clear();
        for (int tile = 0; tile < _packed.Tiles; tile++)
        {
            Weigh(query, q, scale, keys + (tile * _d * Tile), seen + (tile * Tile));
            AddMoments(values + (tile * _c * Tile));
        }

        _system.Solve(query, _rows, _input.Ridge);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Least(double* q, double* scale, double* keys, double* seen)
    {
        TLanes least = TLanes.All(double.PositiveInfinity);
        TLanes one = TLanes.All(1);
        TLanes far = TLanes.All(Unseen);
        for (int tile = 0; tile < _packed.Tiles; tile++)
        {
            double* places = keys + (tile * _d * Tile);
            for (int i = 0; i < Tile; i += TLanes.Count)
            {
                TLanes square = far * (one - TLanes.Load(seen + (tile * Tile) + i));
                for (int j = 0; j < _d; j++)
                {
                    TLanes u = (TLanes.Load(places + (j * Tile) + i) - TLanes.All(q[j])) * TLanes.All(scale[j]);
                    square = TLanes.MultiplyAdd(u, u, square);
                }

                least = TLanes.Min(least, square);
            }
        }

        double* lanes = stackalloc double[TLanes.Count];
        least.Store(lanes);
        return new ReadOnlySpan<double>(lanes, TLanes.Count).ToArray().Min();
    }

    // u, and the weights relative to the nearest key's.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Weigh(int query, double* q, double* scale, double* keys, double* seen)
    {
        TLanes least = TLanes.All(_rows.Least[query]);
        TLanes power = TLanes.All(PowerOfTwo);
        TLanes zero = TLanes.All(0);
        for (int i = 0; i < Tile; i += TLanes.Count)
        {
            TLanes square = zero;
            for (int j = 0; j < _d; j++)
            {
                TLanes u = (TLanes.Load(keys + (j * Tile) + i) - TLanes.All(q[j])) * TLanes.All(scale[j]);
                square = TLanes.MultiplyAdd(u, u, square);
                u.Store(_u + (j * Tile) + i);
            }

            TLanes p = TLanes.Exp2(TLanes.Min((least - square) * power, zero)) * TLanes.Load(seen + i);
            p.Store(_p + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMoments(double* values)
    {
        for (int j = 0; j < _d; j++)
        {
            for (int i = 0; i < Tile; i += TLanes.Count)
            {
                (TLanes.Load(_p + i) * TLanes.Load(_u + (j * Tile) + i)).Store(_weighted + (j * Tile) + i);
            }
        }

        _system.WeightSum += Sum(_p);
        for (int c = 0; c < _c; c++)
        {
            _system.Values[c] += Dot(_p, values + (c * Tile));
        }

        for (int j = 0; j < _d; j++)
        {
            double* weighted = _weighted + (j * Tile);
            _system.Mean[j] += Sum(weighted);
            for (int k = 0; k <= j; k++)
            {
                _system.Squares[(j * _d) + k] += Dot(weighted, _u + (k * Tile));
            }

            for (int c = 0; c < _c; c++)
            {
                _system.Products[(j * _c) + c] += Dot(weighted, values + (c * Tile));
            }
        }
    }

    // Of one pair: with t = 1 - rho.uc and e = y - ybar - beta.uc, dv = l g_a, ds = p (t e + G.uc - z), du = p (G - t beta - e rho) - ds u.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddGradients(
        double* q, double* scale, double* keys, double* values, ReadOnlySpan<double> factors, double each, double* byKey)
    {
        LocalLinearSystem system = _system;
        TLanes one = TLanes.All(1);
        for (int i = 0; i < Tile; i += TLanes.Count)
        {
            TLanes p = TLanes.Load(_p + i) * TLanes.All(each);
            (TLanes t, TLanes e, TLanes pull) = (one, TLanes.All(-system.Level), TLanes.All(-system.Balance));
            for (int c = 0; c < _c; c++)
            {
                e = TLanes.MultiplyAdd(TLanes.All(factors[c]), TLanes.Load(values + (c * Tile) + i), e);
            }

            for (int j = 0; j < _d; j++)
            {
                TLanes centred = TLanes.Load(_u + (j * Tile) + i) - TLanes.All(system.Mean[j]);
                t = TLanes.MultiplyAdd(TLanes.All(-system.Rho[j]), centred, t);
                e = TLanes.MultiplyAdd(TLanes.All(-system.Slope[j]), centred, e);
                pull = TLanes.MultiplyAdd(TLanes.All(system.Pull[j]), centred, pull);
            }

            TLanes score = p * TLanes.MultiplyAdd(t, e, pull);
            for (int j = 0; j < _d; j++)
            {
                TLanes u = TLanes.Load(_u + (j * Tile) + i);
                TLanes slope = TLanes.All(system.Pull[j]) - (t * TLanes.All(system.Slope[j])) - (e * TLanes.All(system.Rho[j]));
                TLanes gradient = (p * slope) - (score * u);
                Add(_sums + (j * TLanes.Count), gradient);
                Add(_sums + ((_d + j) * TLanes.Count), gradient * (TLanes.Load(keys + (j * Tile) + i) - TLanes.All(q[j])));
                if (byKey is not null)
                {
                    Add(byKey + (j * Tile) + i, gradient * TLanes.All(scale[j]));
                }
            }

            for (int c = 0; byKey is not null && c < _c; c++)
            {
                Add(byKey + ((_d + c) * Tile) + i, p * t * TLanes.All(factors[c]));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* to, TLanes what) => (TLanes.Load(to) + what).Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Dot(double* a, double* b)
    {
        (TLanes first, TLanes second) = (TLanes.All(0), TLanes.All(0));
        for (int i = 0; i < Tile; i += 2 * TLanes.Count)
        {
            first = TLanes.MultiplyAdd(TLanes.Load(a + i), TLanes.Load(b + i), first);
            second = TLanes.MultiplyAdd(TLanes.Load(a + i + TLanes.Count), TLanes.Load(b + i + TLanes.Count), second);
        }

        return (first + second).Sum();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Sum(double* numbers)
    {
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < Tile; i += TLanes.Count)
        {
            sum += TLanes.Load(numbers + i);
        }

        return sum.Sum();
    }
}
