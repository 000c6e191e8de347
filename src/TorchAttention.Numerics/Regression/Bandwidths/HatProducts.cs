namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// sum_i s_i phi_g(x_i) phi_k(x_i) of the hats phi of an even grid: 1 at the hat's own point, 0 at all others, linear between.
/// </summary>
/// <remarks>A hat meets itself and the ones beside it: the matrix has three diagonals, of which two are the same.</remarks>
internal sealed class HatProducts(int points)
{
    private readonly double[] _same = new double[points];
    private readonly double[] _next = new double[points];

    /// <summary>Adds an example.</summary>
    /// <param name="point">The point before it.</param>
    /// <param name="part">How far it is on the way to the next point.</param>
    /// <param name="weight">s.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int point, double part, double weight)
    {
        double left = (1 - part) * weight;
        double right = part * weight;
        _same[point] += left * (1 - part);
        _next[point] += right * (1 - part);
        _same[point + 1] += right * part;
    }

    /// <summary>
    /// The products of the hats of every second point, which are sums of these: half of each neighbour and the whole of the middle one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public HatProducts Coarser()
    {
        var coarse = new HatProducts((points + 1) / 2);
        for (int g = 0; g < points; g += 2)
        {
            double same = _same[g] + _next[g];
            double next = _next[g] / 2;
            if (g > 0)
            {
                same += (_same[g - 1] / 4) + _next[g - 1];
            }

            if (g + 1 < points)
            {
                same += _same[g + 1] / 4;
                next += (_same[g + 1] / 4) + (_next[g + 1] / 2);
            }

            coarse._same[g / 2] = same;
            coarse._next[g / 2] = next;
        }

        return coarse;
    }

    /// <summary>sum_i s_i phi_g(x_i) for each point: a row's sum, since hats add up to 1.</summary>
    /// <param name="sums">Where they go (points).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sums(Span<double> sums)
    {
        double before = 0;
        for (int g = 0; g < points; g++)
        {
            sums[g] = before + _same[g] + _next[g];
            before = _next[g];
        }
    }

    /// <summary>sum_i s_i a(x_i) b(x_i) of two functions that are linear between points.</summary>
    /// <param name="a">The first at the points.</param>
    /// <param name="b">The second at the points.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double Sum(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int g = 0; g < points - 1; g++)
        {
            sum += (_same[g] * a[g] * b[g]) + (_next[g] * ((a[g] * b[g + 1]) + (a[g + 1] * b[g])));
        }

        return sum + (_same[points - 1] * a[points - 1] * b[points - 1]);
    }
}
