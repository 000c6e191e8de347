namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>
/// Where the sums of one query stand in its row of float64: sums over keys of weights and of what is pooled with them. Rows over different
/// keys add up, since all weights are relative to the same offset.
/// </summary>
/// <remarks>
/// With x_j = u_j^2 scale and y_j = u_j / h_j scale, where scale is <see cref="Kernels.IKernel.ArgumentScale"/>, G the kernel's slope, s
/// the sample weight: sum s K; sum (s K)^2; the pairs at the boundary; sum s K v_c (v); then where asked sum s G x_j (d) and sum s G x_j
/// v_c (d, v), sum s G y_j (d) and sum s G y_j v_c (d, v). For planes, with p_j = (k_j - r_j) |w_j| from a reference r, the query where
/// nothing else is said: sum s K p_j (d), sum s K p_j p_k (k up to j: d (d + 1) / 2), sum s K p_j v_c (d, v), and with squares sum (s K)^2
/// p_j and sum (s K)^2 p_j p_k; for the gradient of h of planes, with s G x_i in the place of s K, the first three of them for each feature
/// i.
/// </remarks>
internal readonly record struct SumLayout
{
    public const int WeightSum = 0;
    public const int SquaredWeightSum = 1;
    public const int Boundary = 2;
    public const int Values = 3;

    public SumLayout(
        int features, int columns, bool squares, bool bandwidthGradient = false, bool queryGradient = false, bool planes = false)
    {
        Features = features;
        Columns = columns;
        HasSquares = squares;
        int gradient = features * (1 + columns);
        BandwidthGradient = bandwidthGradient ? Values + columns : -1;
        QueryGradient = queryGradient ? Values + columns + (bandwidthGradient ? gradient : 0) : -1;
        Length = Values + columns + (bandwidthGradient ? gradient : 0) + (queryGradient ? gradient : 0);
        Products = features * (features + 1) / 2;
        Planes = planes ? Length : -1;
        PlaneLength = gradient + Products;
        Length += planes ? PlaneLength : 0;
        PlaneGradient = planes && bandwidthGradient ? Length : -1;
        Length += PlaneGradient >= 0 ? features * PlaneLength : 0;
        SquaredPlanes = planes && squares ? Length : -1;
        Length += SquaredPlanes >= 0 ? features + Products : 0;
    }

    public int Features { get; }

    public int Columns { get; }

    public bool HasSquares { get; }

    /// <summary>Where the sums for the gradient of h begin, or -1.</summary>
    public int BandwidthGradient { get; }

    /// <summary>Where the sums for the gradient of the query begin, or -1.</summary>
    public int QueryGradient { get; }

    /// <summary>Where the sums for planes begin, or -1: p_j, then p_j p_k, then p_j v_c.</summary>
    public int Planes { get; }

    /// <summary>Where the sums of squared weights for planes begin, or -1: p_j, then p_j p_k.</summary>
    public int SquaredPlanes { get; }

    /// <summary>Where the sums for the gradient of h of planes begin, or -1: <see cref="PlaneLength"/> of them for each feature.</summary>
    public int PlaneGradient { get; }

    /// <summary>How many sums a plane needs besides those of a mean.</summary>
    public int PlaneLength { get; }

    /// <summary>How many products of two features there are.</summary>
    public int Products { get; }

    public int Length { get; }

    public bool HasPlanes => Planes >= 0;

    /// <summary>Whether a place is that of a sum of squared weights.</summary>
    public bool IsOfSquares(int place) => place == SquaredWeightSum || (SquaredPlanes >= 0 && place >= SquaredPlanes);

    public bool HasGradient => BandwidthGradient >= 0 || QueryGradient >= 0;
}
