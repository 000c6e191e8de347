namespace TorchAttention.Numerics.LocalLinear;

/// <content>
/// Up to three directions and one column of values, whose sums stay in registers while the keys go by. Directions that are not there are
/// zeros.
/// </content>
internal sealed unsafe partial class LocalLinearLoops<TLanes>
{
    private const int MostFused = 3;

    // Weights as they are serve where their sum is no smaller; else they are taken relative to the nearest key's.
    private const double LeastSum = 1e-100;

    private bool IsFused => _d <= MostFused && _c == 1;

    // The keys of a direction.
    private double* Direction(double* keys, int j) => j < _d ? keys + (j * Tile) : _zeros;

    private TLanes Of(double[] numbers, int j) => TLanes.All(j < _d ? numbers[j] : 0);

    private TLanes Of(double* numbers, int j) => TLanes.All(j < _d ? numbers[j] : 0);

    private void FitFused(int query, double* q, double* scale, double* keys, double* values, double* seen)
    {
        _rows.Least[query] = 0;
        SumFused(0, q, scale, keys, values, seen);
        if (!(_system.WeightSum > LeastSum))
        {
            double least = Least(q, scale, keys, seen);
            _rows.Least[query] = least < Unseen ? least : double.PositiveInfinity;
            if (!(least < Unseen))
            {
                return;
            }

            SumFused(least, q, scale, keys, values, seen);
        }

        _system.Solve(query, _rows, _input.Ridge);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SumFused(double nearest, double* q, double* scale, double* keys, double* values, double* seen)
    {
        (TLanes least, TLanes power, TLanes zero) = (TLanes.All(nearest), TLanes.All(PowerOfTwo), TLanes.All(0));
        (TLanes q0, TLanes q1, TLanes q2) = (Of(q, 0), Of(q, 1), Of(q, 2));
        (TLanes g0, TLanes g1, TLanes g2) = (Of(scale, 0), Of(scale, 1), Of(scale, 2));
        (TLanes w, TLanes wv) = (zero, zero);
        (TLanes w0, TLanes w1, TLanes w2) = (zero, zero, zero);
        (TLanes w00, TLanes w10, TLanes w11, TLanes w20, TLanes w21, TLanes w22) = (zero, zero, zero, zero, zero, zero);
        (TLanes v0, TLanes v1, TLanes v2) = (zero, zero, zero);
        for (int tile = 0; tile < _packed.Tiles; tile++, keys += _d * Tile, values += Tile, seen += Tile)
        {
            double* k0 = Direction(keys, 0);
            double* k1 = Direction(keys, 1);
            double* k2 = Direction(keys, 2);
            for (int i = 0; i < Tile; i += TLanes.Count)
            {
                TLanes u0 = (TLanes.Load(k0 + i) - q0) * g0;
                TLanes u1 = (TLanes.Load(k1 + i) - q1) * g1;
                TLanes u2 = (TLanes.Load(k2 + i) - q2) * g2;
                TLanes square = TLanes.MultiplyAdd(u0, u0, TLanes.MultiplyAdd(u1, u1, u2 * u2));
                TLanes p = TLanes.Exp2(TLanes.Min((least - square) * power, zero)) * TLanes.Load(seen + i);
                TLanes v = TLanes.Load(values + i);
                w += p;
                wv = TLanes.MultiplyAdd(p, v, wv);
                TLanes p0 = p * u0;
                w0 += p0;
                w00 = TLanes.MultiplyAdd(p0, u0, w00);
                v0 = TLanes.MultiplyAdd(p0, v, v0);
                TLanes p1 = p * u1;
                w1 += p1;
                w10 = TLanes.MultiplyAdd(p1, u0, w10);
                w11 = TLanes.MultiplyAdd(p1, u1, w11);
                v1 = TLanes.MultiplyAdd(p1, v, v1);
                TLanes p2 = p * u2;
                w2 += p2;
                w20 = TLanes.MultiplyAdd(p2, u0, w20);
                w21 = TLanes.MultiplyAdd(p2, u1, w21);
                w22 = TLanes.MultiplyAdd(p2, u2, w22);
                v2 = TLanes.MultiplyAdd(p2, v, v2);
            }
        }

        _system.WeightSum = w.Sum();
        _system.Values[0] = wv.Sum();
        SetDirection(0, w0, v0, w00);
        SetDirection(1, w1, v1, w10, w11);
        SetDirection(2, w2, v2, w20, w21, w22);
    }

    private void SetDirection(int j, TLanes mean, TLanes product, params ReadOnlySpan<TLanes> squares)
    {
        if (j >= _d)
        {
            return;
        }

        _system.Mean[j] = mean.Sum();
        _system.Products[j] = product.Sum();
        for (int k = 0; k <= j; k++)
        {
            _system.Squares[(j * _d) + k] = squares[k].Sum();
        }
    }

    // AddGradients, and the sums over all keys.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DifferentiateFused(
        int query, double* q, double* scale, double* keys, double* values, double* seen, double outputGradient, double* byKey)
    {
        LocalLinearSystem system = _system;
        (TLanes least, TLanes power, TLanes zero) = (TLanes.All(_rows.Least[query]), TLanes.All(PowerOfTwo), TLanes.All(0));
        TLanes each = TLanes.All(1 / _rows.WeightSum[query]);
        (TLanes one, TLanes factor) = (TLanes.All(1), TLanes.All(outputGradient));
        (TLanes level, TLanes balance) = (TLanes.All(-system.Level), TLanes.All(-system.Balance));
        (TLanes q0, TLanes q1, TLanes q2) = (Of(q, 0), Of(q, 1), Of(q, 2));
        (TLanes g0, TLanes g1, TLanes g2) = (Of(scale, 0), Of(scale, 1), Of(scale, 2));
        (TLanes m0, TLanes m1, TLanes m2) = (Of(system.Mean, 0), Of(system.Mean, 1), Of(system.Mean, 2));
        (TLanes rho0, TLanes rho1, TLanes rho2) = (zero - Of(system.Rho, 0), zero - Of(system.Rho, 1), zero - Of(system.Rho, 2));
        (TLanes beta0, TLanes beta1, TLanes beta2) = (zero - Of(system.Slope, 0), zero - Of(system.Slope, 1), zero - Of(system.Slope, 2));
        (TLanes pull0, TLanes pull1, TLanes pull2) = (Of(system.Pull, 0), Of(system.Pull, 1), Of(system.Pull, 2));
        (TLanes sum0, TLanes sum1, TLanes sum2) = (zero, zero, zero);
        (TLanes byG0, TLanes byG1, TLanes byG2) = (zero, zero, zero);
        for (int tile = 0; tile < _packed.Tiles; tile++, keys += _d * Tile, values += Tile, seen += Tile)
        {
            double* k0 = Direction(keys, 0);
            double* k1 = Direction(keys, 1);
            double* k2 = Direction(keys, 2);
            for (int i = 0; i < Tile; i += TLanes.Count)
            {
                TLanes d0 = TLanes.Load(k0 + i) - q0;
                TLanes d1 = TLanes.Load(k1 + i) - q1;
                TLanes d2 = TLanes.Load(k2 + i) - q2;
                (TLanes u0, TLanes u1, TLanes u2) = (d0 * g0, d1 * g1, d2 * g2);
                TLanes square = TLanes.MultiplyAdd(u0, u0, TLanes.MultiplyAdd(u1, u1, u2 * u2));
                TLanes p = TLanes.Exp2(TLanes.Min((least - square) * power, zero)) * TLanes.Load(seen + i) * each;
                (TLanes c0, TLanes c1, TLanes c2) = (u0 - m0, u1 - m1, u2 - m2);
                TLanes t = TLanes.MultiplyAdd(rho0, c0, TLanes.MultiplyAdd(rho1, c1, TLanes.MultiplyAdd(rho2, c2, one)));
                TLanes e = TLanes.MultiplyAdd(factor, TLanes.Load(values + i), level);
                e = TLanes.MultiplyAdd(beta0, c0, TLanes.MultiplyAdd(beta1, c1, TLanes.MultiplyAdd(beta2, c2, e)));
                TLanes pull = TLanes.MultiplyAdd(pull0, c0, TLanes.MultiplyAdd(pull1, c1, TLanes.MultiplyAdd(pull2, c2, balance)));
                TLanes score = p * TLanes.MultiplyAdd(t, e, pull);
                TLanes by0 = (p * TLanes.MultiplyAdd(beta0, t, TLanes.MultiplyAdd(rho0, e, pull0))) - (score * u0);
                TLanes by1 = (p * TLanes.MultiplyAdd(beta1, t, TLanes.MultiplyAdd(rho1, e, pull1))) - (score * u1);
                TLanes by2 = (p * TLanes.MultiplyAdd(beta2, t, TLanes.MultiplyAdd(rho2, e, pull2))) - (score * u2);
                (sum0, sum1, sum2) = (sum0 + by0, sum1 + by1, sum2 + by2);
                byG0 = TLanes.MultiplyAdd(by0, d0, byG0);
                byG1 = TLanes.MultiplyAdd(by1, d1, byG1);
                byG2 = TLanes.MultiplyAdd(by2, d2, byG2);
                if (byKey is null)
                {
                    continue;
                }

                Add(byKey + i, by0 * g0);
                if (_d > 1)
                {
                    Add(byKey + Tile + i, by1 * g1);
                }

                if (_d > 2)
                {
                    Add(byKey + (2 * Tile) + i, by2 * g2);
                }

                Add(byKey + (_d * Tile) + i, p * t * factor);
            }

            byKey += byKey is null ? 0 : (_d + 1) * Tile;
        }

        Store(0, sum0, byG0);
        Store(1, sum1, byG1);
        Store(2, sum2, byG2);

        void Store(int j, TLanes sum, TLanes byG)
        {
            if (j < _d)
            {
                sum.Store(_sums + (j * TLanes.Count));
                byG.Store(_sums + ((_d + j) * TLanes.Count));
            }
        }
    }
}
