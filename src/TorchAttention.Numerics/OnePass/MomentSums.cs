using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// A Gaussian's sums over all rows (<see cref="LocalSums"/>), from the moments of cells near and far, at the nodes of a cell, with a bound
/// on what they are off by anywhere in the cell.
/// </summary>
internal sealed unsafe class MomentSums
{
    /// <summary>u, the unit of rounding.</summary>
    public const double Rounding = 1.0 / (1L << 53);

    // A Gaussian's weight beyond the reach is this part of all weights.
    private const double Beyond = 1e-17;

    // By docs/certificates.md, in u: the product of a term and its moment, beside k^2 / 2 for T_k itself; a term's rounding in fixed point.
    private const double ProductError = 8;
    private const double FixedPointError = 8;
    private const double KernelError = 3;

    // Of rounding to a multiple of 2^-50.
    private const double HalfOfUnit = 4 * Rounding;

    private readonly MomentLevel _level;
    private readonly int _degree;
    private readonly double[] _nodes;
    private readonly Offset[] _offsets;
    private readonly int _reach;
    private readonly double[] _beyond;
    private readonly double _beyondSize;
    private readonly double _fixedPointUnits;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    /// <param name="isCertified">Whether sum K^2 and what sums are off by are asked for; a search asks for neither.</param>
    public MomentSums(MomentLevel level, double h, int degree, bool isCertified)
    {
        _level = level;
        _degree = degree;
        Bandwidth = h;
        HalfWidth = level.CellWidth / (2 * h);
        K = level.K;
        _nodes = Chebyshev.Nodes(K);
        double total = level.Weights.Sum();
        double least = level.HasWeights ? level.Weights.Min() : 1;
        double reach = Math.Sqrt(2 * Math.Log(Math.Max(total, least) / (Beyond * least)));
        _reach = (int)Math.Ceiling(reach / (2 * HalfWidth)) + 1;
        double beyond = Math.Exp(-reach * reach / 2);
        _beyond = [beyond * total, beyond * reach * total, beyond * reach * reach * total];
        _beyondSize = 2 * Math.Sqrt(SquaresOf(level) / total);

        // A weight is rounded to a part of its unit, not of itself.
        double units = 1;
        for (int i = 0; i < level.Count && level.HasWeights; i++)
        {
            units = Math.Max(units, level.Counts[i] * level.Units[i] / level.Weights[i]);
        }

        _fixedPointUnits = units;
        double ofSums = ProductError + (FixedPointError * units) + Math.Log2(Math.Max(2, level.Counts.Max()));

        // sum_j |c_kj| of T_k = sum_j c_kj t^j is what a sum of powers' error becomes.
        double[] inPowers = level.SummationError > 0 ? Chebyshev.InPowers(K) : new double[K * K];
        TermErrors = [.. inPowers.Chunk(K).Select(
            (polynomial, k) => (Rounding * ((k * k / 2.0) + ofSums)) + (level.SummationError * polynomial.Sum(Math.Abs)))];
        double narrower = Math.Sqrt(2) * HalfWidth;

        // Lines need to know which rows have too few digits, in a search too.
        bool hasErrors = isCertified || degree > 0;
        double[] left = hasErrors ? Left(HalfWidth) : [];
        double[] leftOfSquares = isCertified ? Left(narrower) : [];
        double far = hasErrors ? Truncation.Far(HalfWidth, K - 1) : 0;
        double farOfSquares = isCertified ? Truncation.Far(narrower, K - 1) : 0;
        _offsets = new Offset[(2 * _reach) + 1];
        for (int o = -_reach; o <= _reach; o++)
        {
            double[][] tables = Tables(HalfWidth, o, LocalSums.Weights(degree), K, degree);
            double[][] squares = isCertified ? Tables(narrower, o, leftOfSquares.Length, K, degree) : [];
            _offsets[o + _reach] = new Offset(
                tables,
                squares,
                [.. left.Select((bound, power) => ErrorOf(tables[power], HalfWidth, o, power, bound, far))],
                [.. leftOfSquares.Select((bound, power) => ErrorOf(squares[power], narrower, o, power, bound, farOfSquares))],
                [.. left.Select((_, power) => FixedErrorOf(tables[power]))]);
        }

        double[] Left(double a) =>
            [.. Enumerable.Range(0, LocalSums.Certified(degree)).Select(power => Truncation.Anywhere(a, K - 1, power))];
    }

    /// <summary>Nodes in a cell, and terms.</summary>
    public int K { get; }

    /// <summary>h.</summary>
    public double Bandwidth { get; }

    /// <summary>a = w / (2 h), half a cell in bandwidths.</summary>
    public double HalfWidth { get; }

    /// <summary>What a product of a coefficient and a moment of each degree is off by, as a part of the rows' weight.</summary>
    public double[] TermErrors { get; }

    /// <summary>Sums at the nodes of a cell.</summary>
    /// <param name="id">The cell.</param>
    /// <param name="level">What its values are counted from.</param>
    /// <param name="own">Which of the cell's own rows are among those summed.</param>
    /// <param name="sums">Where they go (rows of <see cref="LocalSums"/>, K).</param>
    /// <returns>What they are off by.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public SumErrors At(long id, double level, OwnRows own, Span<double> sums)
    {
        sums.Clear();
        SumErrors errors = default;
        for (int power = 0; power < LocalSums.Certified(_degree); power++)
        {
            errors.Add(power, _beyond[power], _beyond[power] * _beyondSize, _beyond[power]);
        }

        int first = Array.BinarySearch(_level.Ids, id - _reach);
        first = first < 0 ? ~first : first;
        fixed (double* to = sums, m = _level.All.M, v = _level.All.V)
        fixed (double* lightM = _level.Light[0].M, lightV = _level.Light[0].V)
        {
            for (int j = first; j < _level.Count && _level.Ids[j] <= id + _reach; j++)
            {
                long o = _level.Ids[j] - id;
                bool isLight = o == 0 && own != OwnRows.All;
                if (isLight && (own == OwnRows.None || !_level.HasLight(j)))
                {
                    continue;
                }

                ref readonly Offset offset = ref _offsets[o + _reach];
                double apart = _level.Levels[j] - level;
                double* masses = (isLight ? lightM : m) + (j * K);
                double* products = (isLight ? lightV : v) + (j * K);
                for (int power = 0; power < offset.Tables.Length; power++)
                {
                    // Means have no use for odd powers.
                    if (!LocalSums.IsUsed(power, _degree))
                    {
                        continue;
                    }

                    fixed (double* table = offset.Tables[power])
                    {
                        double* weights = to + ((LocalSums.FirstWeight + power) * K);
                        if (power < LocalSums.Products)
                        {
                            MomentProducts.Add(K, table, masses, products, apart, weights, to + ((LocalSums.FirstProduct + power) * K));
                        }
                        else
                        {
                            MomentProducts.Add(K, table, masses, weights);
                        }
                    }
                }

                for (int power = 0; power < offset.Squares.Length; power++)
                {
                    fixed (double* table = offset.Squares[power])
                    {
                        MomentProducts.Add(K, table, masses, to + ((LocalSums.FirstSquare + power) * K));
                    }
                }

                if (offset.Errors.Length > 0)
                {
                    double size = SizeOf(j, apart);
                    double mass = _level.Weights[j];
                    for (int power = 0; power < offset.Errors.Length; power++)
                    {
                        double error = offset.Errors[power];
                        double product = (error * size) + (offset.FixedErrors[power] * mass * _level.ValueUnit);
                        errors.Add(power, error * mass, product, offset.Squares.Length > 0 ? offset.ErrorsOfSquares[power] * mass : 0);
                    }
                }
            }
        }

        return errors;
    }

    /// <summary>sum s K (y - level)^2 over all rows, at the nodes of a cell.</summary>
    /// <param name="id">The cell.</param>
    /// <param name="level">What values are counted from.</param>
    /// <param name="sums">Where they go (K).</param>
    public void Spread(long id, double level, Span<double> sums)
    {
        sums.Clear();
        double[] about = new double[K];
        int first = Array.BinarySearch(_level.Ids, id - _reach);
        fixed (double* to = sums, from = about)
        {
            for (int j = first < 0 ? ~first : first; j < _level.Count && _level.Ids[j] <= id + _reach; j++)
            {
                double apart = _level.Levels[j] - level;
                for (int k = 0, at = j * K; k < K; k++, at++)
                {
                    about[k] = _level.All.Q[at] + (apart * ((2 * _level.All.V[at]) + (apart * _level.All.M[at])));
                }

                fixed (double* table = _offsets[_level.Ids[j] - id + _reach].Tables[0])
                {
                    MomentProducts.Add(K, table, from, to);
                }
            }
        }
    }

    // The root of sum (y - level)^2 times the rows: what Cauchy and Schwarz leave of a sum of products.
    private double SizeOf(int cell, double apart)
    {
        double mass = _level.Weights[cell];
        double q = _level.All.Q[cell * K];
        double about = Math.Max(0, q + (2 * apart * _level.All.V[cell * K]) + (apart * apart * mass))
            + (ProductError * Rounding * (q + (apart * apart * mass)));

        return Math.Sqrt(mass * about);
    }

    /// <summary>The squares of the values from a middle of them.</summary>
    internal static double SquaresOf(MomentLevel level)
    {
        double mean = level.Count == 0 ? 0 : level.Levels.Average();
        double sum = 0;
        for (int i = 0; i < level.Count; i++)
        {
            double apart = level.Levels[i] - mean;
            sum += level.All.Q[i * level.K] + (apart * apart * level.Weights[i]);
        }

        return sum;
    }

    /// <summary>c_k(z) of v^power K(v), v = a (z - t - 2 o), for each node z.</summary>
    /// <param name="a">Half a cell, in bandwidths.</param>
    /// <param name="o">How many cells further on the rows are.</param>
    /// <param name="powers">How many powers; of odd ones lines alone have use.</param>
    /// <param name="terms">K, the number of nodes and of terms.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    /// <returns>A table (K, K) of each power, the term first.</returns>
    internal static double[][] Tables(double a, int o, int powers, int terms, int degree)
    {
        CellBasis basis = CellBasis.OfKernel(terms);
        double[] nodes = Chebyshev.Nodes(terms);
        double[][] tables = [.. Enumerable.Range(0, powers).Select(_ => new double[terms * terms])];
        double[] distances = new double[basis.Nodes];
        double[] values = new double[basis.Nodes];
        double[] row = new double[terms];
        for (int z = 0; z < terms; z++)
        {
            for (int s = 0; s < values.Length; s++)
            {
                double v = a * (nodes[z] - basis.Places[s] - (2 * o));
                (distances[s], values[s]) = (v, Math.Exp(-0.5 * v * v));
            }

            for (int power = 0; power < powers; power++)
            {
                if (LocalSums.IsUsed(power, degree))
                {
                    basis.Fit(values, row);
                    for (int k = 0; k < terms; k++)
                    {
                        tables[power][(k * terms) + z] = row[k];
                    }
                }

                for (int s = 0; s < values.Length; s++)
                {
                    values[s] *= distances[s];
                }
            }
        }

        return tables;
    }

    // tau_o, docs/certificates.md: what is left out, as often as the nodes' polynomial may enlarge it, and what is rounded.
    private double ErrorOf(double[] table, double a, int o, int power, double anywhere, double far)
    {
        double lebesgue = (2 / Math.PI * Math.Log(K)) + 1;
        double distance = a * Math.Max(0, (2 * Math.Abs(o)) - 1);
        double left = power == 0 ? Math.Min(anywhere, far * Math.Exp(-distance * distance / 4)) : anywhere;
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
            double place = Math.Abs(_nodes[z] - (2 * o));
            double v = a * Math.Max(0, place - 1);
            largest = Math.Max(largest, Math.Exp(-0.5 * v * v) * Math.Pow(Math.Max(1, a * (place + 1)), power));
        }

        return ((2 + lebesgue) * left) + (lebesgue * (rounded + (KernelError * Rounding * largest)));
    }

    // What the fixed point of values does: they are rounded to a part of their unit, not of themselves.
    private double FixedErrorOf(double[] table)
    {
        double lebesgue = (2 / Math.PI * Math.Log(K)) + 1;
        double largest = 0;
        for (int z = 0; z < K; z++)
        {
            double sum = 0;
            for (int k = 0; k < K; k++)
            {
                sum += Math.Abs(table[(k * K) + z]);
            }

            largest = Math.Max(largest, sum);
        }

        return lebesgue * largest * HalfOfUnit * _fixedPointUnits;
    }

    /// <summary>
    /// What one cell's moments give at the nodes of another: coefficients (K, K) of v^power K and of v'^power K^2, v' = sqrt(2) v, and
    /// tau of each.
    /// </summary>
    private readonly record struct Offset(
        double[][] Tables, double[][] Squares, double[] Errors, double[] ErrorsOfSquares, double[] FixedErrors);
}

/// <summary>Which of a cell's own rows are summed with those of other cells.</summary>
internal enum OwnRows
{
    /// <summary>All.</summary>
    All,

    /// <summary>Those that are not kept as rows.</summary>
    NotKept,

    /// <summary>None.</summary>
    None,
}
