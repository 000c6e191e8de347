namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The products T_k1(t1) .. T_kd(td) of a total degree of at most 15, in one order: k1 is the fastest, and the others count like digits,
/// k2 the first of them.
/// </summary>
internal sealed class BoxTerms
{
    /// <summary>Terms, and nodes, along a feature.</summary>
    public const int K = MomentGrid.TermsOfMeans;

    private static readonly BoxTerms[] _all = [.. Enumerable.Range(1, BoxGrid.MostFeatures).Select(d => new BoxTerms(d))];

    private readonly int[] _place;
    private readonly int[][] _with;
    private readonly int[][] _alone;

    private BoxTerms(int features)
    {
        Features = features;
        Rest = Power(features - 1);
        Stages = [.. Enumerable.Range(0, features).Select(MakeStage)];
        Count = Stages[0].Limits.Sum();
        Degrees = new int[Count][];
        _place = new int[K * Rest];
        for (int rest = 0; rest < Rest; rest++)
        {
            for (int k = 0; k < Stages[0].Limits[rest]; k++)
            {
                int term = Stages[0].Offsets[rest] + k;
                _place[(k * Rest) + rest] = term;
                Degrees[term] = [k, .. Enumerable.Range(1, features - 1).Select(axis => Digit(rest, axis))];
            }
        }

        _with = [.. Enumerable.Range(0, features).Select(axis => Enumerable.Range(0, K * Count)
            .Select(at => at % K <= Degrees[at / K][axis] ? Find(at / K, axis, at % K) : 0).ToArray())];
        _alone = [.. Enumerable.Range(0, features).Select(axis => Enumerable.Range(0, K).Select(k =>
            Array.FindIndex(Degrees, degrees => degrees[axis] == k && degrees.Sum() == k)).ToArray())];
    }

    /// <summary>d.</summary>
    public int Features { get; }

    /// <summary>How many products there are: 136 for two features, 816 for three.</summary>
    public int Count { get; }

    /// <summary>K^(d-1).</summary>
    public int Rest { get; }

    /// <summary>K^d, the nodes of a box.</summary>
    public int Nodes => K * Rest;

    /// <summary>k1 .. kd of each term.</summary>
    public int[][] Degrees { get; }

    /// <summary>How sums over one feature after the other walk through the numbers.</summary>
    public Stage[] Stages { get; }

    public static BoxTerms Of(int features) => _all[features - 1];

    /// <summary>The term that has another degree along one feature, not above its own.</summary>
    public int With(int term, int axis, int degree) => _with[axis][(term * K) + degree];

    private int Find(int term, int axis, int degree)
    {
        int rest = 0;
        for (int a = 1; a < Features; a++)
        {
            rest = (rest * K) + (a == axis ? degree : Degrees[term][a]);
        }

        return _place[((axis == 0 ? degree : Degrees[term][0]) * Rest) + rest];
    }

    /// <summary>T_k1 .. T_kd of a term, from the polynomials of each feature (d, K).</summary>
    public double Product(double[][] polynomials, int term)
    {
        int[] degrees = Degrees[term];
        double others = polynomials[1][degrees[1]];
        for (int axis = 2; axis < Features; axis++)
        {
            others *= polynomials[axis][degrees[axis]];
        }

        return polynomials[0][degrees[0]] * others;
    }

    /// <summary>The term of one feature's first polynomial alone, its place in the box.</summary>
    public int First(int axis) => _alone[axis][1];

    /// <summary>The term of one feature's second polynomial alone.</summary>
    public int Second(int axis) => _alone[axis][2];

    private static int Power(int exponent) => (int)Math.Pow(K, exponent);

    // Of the features after the first.
    private int Digit(int rest, int axis) => rest / Power(Features - 1 - axis) % K;

    // Features before the stage have nodes by then, at the end of the numbers; those after it terms.
    private Stage MakeStage(int stage)
    {
        int[] limits = new int[Rest];
        int[] offsets = new int[Rest];
        int packed = 0;
        for (int rest = 0; rest < Rest; rest++)
        {
            int degrees = Enumerable.Range(1, Features - 1 - stage).Sum(axis => Digit(rest, axis));
            limits[rest] = Math.Max(0, K - degrees);
            offsets[rest] = stage == 0 ? packed : rest;
            packed += limits[rest];
        }

        return new Stage(offsets, limits, stage == 0 ? 1 : Rest);
    }

    /// <summary>
    /// How the numbers of a stage are found: those that belong to other degrees and nodes r begin at an offset, and are so many, a step
    /// apart.
    /// </summary>
    internal sealed record Stage(int[] Offsets, int[] Limits, int Step);
}
