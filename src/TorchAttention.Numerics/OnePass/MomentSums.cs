using System.Runtime.Intrinsics;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// A Gaussian's sums over all rows, from the moments of cells near and far, at the nodes of a cell: S0 = sum K and Sy = sum K (y - r), with
/// a bound on what each is off by anywhere in the cell; their derivatives by log h; and sum K^2.
/// </summary>
internal sealed unsafe class MomentSums
{
    /// <summary>Nodes in a cell, and terms.</summary>
    public const int K = MomentGrid.Terms;

    /// <summary>The rows of the results: S0, Sy, their derivatives by log h, and sum K^2.</summary>
    public const int Weights = 0;
    public const int Products = 1;
    public const int WeightsByLog = 2;
    public const int ProductsByLog = 3;
    public const int SquaredWeights = 4;
    public const int RowCount = 5;

    /// <summary>u, the unit of rounding.</summary>
    public const double Rounding = 1.0 / (1L << 53);

    // A Gaussian's weight beyond the reach is this part of all weights.
    private const double Beyond = 1e-17;

    // The kernel's own coefficients come from so many nodes that what folds back is below 1e-30.
    private const int KernelNodes = 4 * K;

    // By docs/certificates.md, in u: the product of a term and its moment, beside k^2 / 2 for T_k itself; a term's rounding in fixed point.
    private const double ProductError = 8;
    private const double FixedPointError = 8;
    private const double KernelError = 3;

    private static readonly double[] _nodes = Chebyshev.Nodes(K);
    private static readonly double[] _kernelNodes = Chebyshev.Nodes(KernelNodes);
    private static readonly double[] _kernelCoefficients = Chebyshev.Coefficients(KernelNodes, K);

    // sum_j |c_kj| of T_k = sum_j c_kj t^j, what a sum of powers' error becomes.
    private static readonly double[] _sizesInPowers =
        [.. Chebyshev.InPowers(K).Chunk(K).Select(polynomial => polynomial.Sum(Math.Abs))];

    private readonly MomentLevel _level;
    private readonly Offset[] _offsets;
    private readonly int _reach;
    private readonly double _beyondWeight;
    private readonly double _beyondProduct;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="isCertified">Whether sum K^2 and what sums are off by are asked for; a search asks for neither.</param>
    public MomentSums(MomentLevel level, double h, bool isCertified)
    {
        _level = level;
        Bandwidth = h;
        HalfWidth = level.CellWidth / (2 * h);
        double total = level.Counts.Sum();
        double reach = Math.Sqrt(2 * Math.Log(Math.Max(total, 1) / Beyond));
        _reach = (int)Math.Ceiling(reach / (2 * HalfWidth)) + 1;
        double beyond = Math.Exp(-reach * reach / 2);
        _beyondWeight = beyond * total;
        _beyondProduct = 2 * beyond * Math.Sqrt(total * SquaresOf(level));
        double ofSums = ProductError + FixedPointError + Math.Log2(Math.Max(2, level.LargestCount));
        TermErrors = [.. Enumerable.Range(0, K).Select(
            k => (Rounding * ((k * k / 2.0) + ofSums))
                + (level.SummationError * _sizesInPowers[k]))];
        double narrower = Math.Sqrt(2) * HalfWidth;
        (double atNodes, double far) = isCertified ? Truncation.Bounds(HalfWidth, K - 1) : default;
        (double atNodesOfSquares, double farOfSquares) = isCertified ? Truncation.Bounds(narrower, K - 1) : default;
        _offsets = new Offset[(2 * _reach) + 1];
        for (int o = -_reach; o <= _reach; o++)
        {
            double[] weights = Table(HalfWidth, o, 0);
            double[] squares = isCertified ? Table(narrower, o, 0) : [];
            _offsets[o + _reach] = new Offset(
                weights,
                Table(HalfWidth, o, 2),
                squares,
                isCertified ? ErrorOf(weights, HalfWidth, o, atNodes, far) : 0,
                isCertified ? ErrorOf(squares, narrower, o, atNodesOfSquares, farOfSquares) : 0);
        }
    }

    /// <summary>h.</summary>
    public double Bandwidth { get; }

    /// <summary>a = w / (2 h), half a cell in bandwidths.</summary>
    public double HalfWidth { get; }

    /// <summary>What a product of a coefficient and a moment of each degree is off by, as a part of the rows' weight.</summary>
    public double[] TermErrors { get; }

    /// <summary>Sums at the nodes of a cell.</summary>
    /// <param name="id">The cell.</param>
    /// <param name="level">What its values are counted from.</param>
    /// <param name="withOwn">Whether the cell's own rows are among those summed.</param>
    /// <param name="sums">Where they go (rows, K).</param>
    /// <returns>What they are off by.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public SumErrors At(long id, double level, bool withOwn, Span<double> sums)
    {
        sums.Clear();
        double weight = _beyondWeight;
        double product = _beyondProduct;
        double squared = _beyondWeight;
        int first = Array.BinarySearch(_level.Ids, id - _reach);
        first = first < 0 ? ~first : first;
        fixed (double* to = sums, m = _level.M, v = _level.V)
        {
            for (int j = first; j < _level.Count && _level.Ids[j] <= id + _reach; j++)
            {
                long o = _level.Ids[j] - id;
                if (o == 0 && !withOwn)
                {
                    continue;
                }

                ref readonly Offset offset = ref _offsets[o + _reach];
                double apart = _level.Levels[j] - level;
                fixed (double* weights = offset.Weights, slopes = offset.Slopes, squares = offset.Squares)
                {
                    AddProducts(weights, m + (j * K), v + (j * K), apart, to + (Weights * K), to + (Products * K));
                    AddProducts(slopes, m + (j * K), v + (j * K), apart, to + (WeightsByLog * K), to + (ProductsByLog * K));
                    if (squares != null)
                    {
                        AddProduct(squares, m + (j * K), to + (SquaredWeights * K));
                    }
                }

                double mass = _level.Counts[j];
                double q = _level.Q[j * K];
                double about = Math.Max(0, q + (2 * apart * _level.V[j * K]) + (apart * apart * mass))
                    + (ProductError * Rounding * (q + (apart * apart * mass)));

                // A value's own rounding is a part of its unit, not of itself.
                double size = Math.Sqrt(mass * about) + (FixedPointError * Rounding * mass * _level.ValueUnit);
                weight += offset.Error * mass;
                product += offset.Error * size;
                squared += offset.ErrorOfSquares * mass;
            }
        }

        return new SumErrors(weight, product, squared);
    }

    private static double SquaresOf(MomentLevel level)
    {
        double mean = level.Count == 0 ? 0 : level.Levels.Average();
        double sum = 0;
        for (int i = 0; i < level.Count; i++)
        {
            double apart = level.Levels[i] - mean;
            sum += level.Q[i * K] + (apart * apart * level.Counts[i]);
        }

        return sum;
    }

    // c_k(z) of v^power K(v), v = a (z - t - 2 o), for each node z (K, K).
    private static double[] Table(double a, int o, int power)
    {
        double[] table = new double[K * K];
        double[] values = new double[KernelNodes];
        double[] row = new double[K];
        for (int z = 0; z < K; z++)
        {
            for (int s = 0; s < KernelNodes; s++)
            {
                double v = a * (_nodes[z] - _kernelNodes[s] - (2 * o));
                values[s] = Math.Exp(-0.5 * v * v) * (power == 2 ? v * v : 1);
            }

            Chebyshev.Combine(values, _kernelCoefficients, row);
            for (int k = 0; k < K; k++)
            {
                table[(k * K) + z] = row[k];
            }
        }

        return table;
    }

    // tau_o, docs/certificates.md: what is left out, as often as the nodes' polynomial may enlarge it, and what is rounded.
    private double ErrorOf(double[] table, double a, int o, double atNodes, double far)
    {
        double lebesgue = (2 / Math.PI * Math.Log(K)) + 1;
        double distance = a * Math.Max(0, (2 * Math.Abs(o)) - 1);
        double left = Math.Min(atNodes, far * Math.Exp(-distance * distance / 4));
        double rounded = 0;
        double largest = 0;
        for (int z = 0; z < K; z++)
        {
            double sum = 0;
            for (int k = 0; k < K; k++)
            {
                sum += Math.Abs(table[(k * K) + z]) * TermErrors[k];
            }

            rounded = Math.Max(rounded, sum);
            double v = a * Math.Max(0, Math.Abs(_nodes[z] - (2 * o)) - 1);
            largest = Math.Max(largest, Math.Exp(-0.5 * v * v));
        }

        return ((2 + lebesgue) * left) + (lebesgue * (rounded + (KernelError * Rounding * largest)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(double* table, double* m, double* v, double apart, double* weights, double* products)
    {
        Vector256<double> a = default, b = default, c = default, d = default;
        Vector256<double> e = default, f = default, g = default, h = default;
        for (int k = 0; k < K; k++, table += K)
        {
            var mass = Vector256.Create(m[k]);
            var sum = Vector256.Create(v[k]);
            var first = Vector256.Load(table);
            var second = Vector256.Load(table + 4);
            var third = Vector256.Load(table + 8);
            var fourth = Vector256.Load(table + 12);
            a = Vector256.FusedMultiplyAdd(first, mass, a);
            b = Vector256.FusedMultiplyAdd(second, mass, b);
            c = Vector256.FusedMultiplyAdd(third, mass, c);
            d = Vector256.FusedMultiplyAdd(fourth, mass, d);
            e = Vector256.FusedMultiplyAdd(first, sum, e);
            f = Vector256.FusedMultiplyAdd(second, sum, f);
            g = Vector256.FusedMultiplyAdd(third, sum, g);
            h = Vector256.FusedMultiplyAdd(fourth, sum, h);
        }

        var distance = Vector256.Create(apart);
        Add(weights, a);
        Add(weights + 4, b);
        Add(weights + 8, c);
        Add(weights + 12, d);
        Add(products, Vector256.FusedMultiplyAdd(distance, a, e));
        Add(products + 4, Vector256.FusedMultiplyAdd(distance, b, f));
        Add(products + 8, Vector256.FusedMultiplyAdd(distance, c, g));
        Add(products + 12, Vector256.FusedMultiplyAdd(distance, d, h));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProduct(double* table, double* m, double* weights)
    {
        Vector256<double> a = default, b = default, c = default, d = default;
        for (int k = 0; k < K; k++, table += K)
        {
            var mass = Vector256.Create(m[k]);
            a = Vector256.FusedMultiplyAdd(Vector256.Load(table), mass, a);
            b = Vector256.FusedMultiplyAdd(Vector256.Load(table + 4), mass, b);
            c = Vector256.FusedMultiplyAdd(Vector256.Load(table + 8), mass, c);
            d = Vector256.FusedMultiplyAdd(Vector256.Load(table + 12), mass, d);
        }

        Add(weights, a);
        Add(weights + 4, b);
        Add(weights + 8, c);
        Add(weights + 12, d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* to, Vector256<double> more) => (Vector256.Load(to) + more).Store(to);

    /// <summary>What one cell's moments give at the nodes of another: coefficients (K, K) of K, v^2 K and K^2, and tau.</summary>
    private readonly record struct Offset(double[] Weights, double[] Slopes, double[] Squares, double Error, double ErrorOfSquares);
}

/// <summary>Bounds on what sums are off by anywhere in a cell.</summary>
/// <param name="Weights">d0, of sum K.</param>
/// <param name="Products">dy, of sum K (y - r).</param>
/// <param name="SquaredWeights">Of sum K^2.</param>
internal readonly record struct SumErrors(double Weights, double Products, double SquaredWeights);
