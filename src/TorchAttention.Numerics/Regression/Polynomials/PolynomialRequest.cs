using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>Queries of local polynomials, and the answers to them.</summary>
internal sealed class PolynomialRequest
{
    public PolynomialRequest(LocalPolynomials owner, double[] queries)
    {
        (Owner, Queries) = (owner, queries);
        Values = new double[Count * owner.Columns];
        HasNeighbour = new bool[Count];
        IsLevel = new bool[Count];
    }

    public LocalPolynomials Owner { get; }

    /// <summary>Queries (m, d).</summary>
    public double[] Queries { get; }

    /// <summary>The key that each must not see (m), -1 for none; empty where each sees all.</summary>
    public int[] LeftOut { get; init; } = [];

    public int Count => Queries.Length / Owner.Features;

    /// <summary>
    /// Told of the fit at each query with neighbours, its sums, and what its kernel's argument was raised by; by several threads.
    /// </summary>
    public Action<PolynomialLayout, LocalSystem, double[], double>? Fitted { get; init; }

    /// <summary>The sums of each query (m, of the layout's length), where they are asked for instead of answers; else empty.</summary>
    public double[] Rows { get; init; } = [];

    /// <summary>The logarithm to base 2 of what the weights in each of the rows (m) were raised by.</summary>
    public double[] Offsets { get; init; } = [];

    public double[] Values { get; }

    public double[] Slopes { get; init; } = [];

    /// <summary>sum_i b_i^2 / s_i of the weights b of each slope (m, d); only beside slopes and effective neighbours.</summary>
    public double[] SlopeSquares { get; init; } = [];

    public double[] OwnWeight { get; private init; } = [];

    public double[] EffectiveNeighbours { get; init; } = [];

    public double[] InverseBandwidthGradient { get; private init; } = [];

    public double[] LogWeightSumGradient { get; private init; } = [];

    public double[] OwnWeightGradient { get; private init; } = [];

    public bool[] HasNeighbour { get; }

    public bool[] IsLevel { get; }

    public bool HasGradient => InverseBandwidthGradient.Length > 0 || OwnWeightGradient.Length > 0;

    /// <summary>A request for what an output has room for.</summary>
    public static PolynomialRequest Create<T>(
        LocalPolynomials owner, ReadOnlySpan<T> queries, ReadOnlySpan<int> leftOut, PoolingOutput<T> output)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(owner, Doubles(queries))
        {
            LeftOut = leftOut.ToArray(),
            Slopes = new double[output.Slopes.Length],
            OwnWeight = new double[output.OwnWeight.Length],
            EffectiveNeighbours = new double[output.EffectiveNeighbours.Length],
            InverseBandwidthGradient = new double[output.InverseBandwidthGradient.Length],
            LogWeightSumGradient = new double[output.LogWeightSumGradient.Length],
            OwnWeightGradient = new double[output.OwnWeightGradient.Length],
        };

    public int LeftOutOf(int query) => LeftOut.Length == 0 ? -1 : LeftOut[query];

    public void CopyTo<T>(PoolingOutput<T> output)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Copy(Values, output.Values);
        Copy(Slopes, output.Slopes);
        Copy(OwnWeight, output.OwnWeight);
        Copy(EffectiveNeighbours, output.EffectiveNeighbours);
        Copy(InverseBandwidthGradient, output.InverseBandwidthGradient);
        Copy(LogWeightSumGradient, output.LogWeightSumGradient);
        Copy(OwnWeightGradient, output.OwnWeightGradient);
        HasNeighbour.AsSpan(0, output.HasNeighbour.Length).CopyTo(output.HasNeighbour);
        IsLevel.AsSpan(0, output.IsLevel.Length).CopyTo(output.IsLevel);
    }

    private static double[] Doubles<T>(ReadOnlySpan<T> numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] doubles = new double[numbers.Length];
        for (int i = 0; i < doubles.Length; i++)
        {
            doubles[i] = double.CreateTruncating(numbers[i]);
        }

        return doubles;
    }

    private static void Copy<T>(double[] from, Span<T> to)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = T.CreateTruncating(from[i]);
        }
    }
}
