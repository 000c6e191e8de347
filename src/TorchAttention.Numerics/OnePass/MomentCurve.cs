namespace TorchAttention.Numerics.OnePass;

/// <summary>The curve anywhere, from moments: polynomials of a cell, made when the first query falls into it.</summary>
internal sealed class MomentCurve(MomentLevel level, double h)
{
    private const int K = MomentGrid.Terms;

    // Of a row three bandwidths away.
    private const double SquareInGap = 9;

    // Where sums are known to less than this, weights by their ratios say more.
    private const double LeastKnown = 1e-8;

    private readonly MomentSums _sums = new(level, h, isCertified: true);
    private readonly FarSums _far = new(level, h);
    private readonly Dictionary<long, CellCurve> _cells = [];

    public CurvePoint At(double x)
    {
        long id = level.CellOf(x);
        if (!_cells.TryGetValue(id, out CellCurve? cell))
        {
            _cells[id] = cell = Make(id);
        }

        double t = level.PlaceIn(id, x);
        double s0 = Chebyshev.At(cell.Polynomials[MomentSums.Weights], t);
        if (!(s0 * LeastKnown > cell.Errors.Weights))
        {
            return new CurvePoint(_far.Mean(x), double.NaN, double.NaN, double.PositiveInfinity, IsFar: true);
        }

        double about = Chebyshev.At(cell.Polynomials[MomentSums.Products], t) / s0;
        double squares = Chebyshev.At(cell.Polynomials[MomentSums.SquaredWeights], t);
        double distance = Chebyshev.At(cell.Polynomials[MomentSums.WeightsByLog], t) / s0;
        double slope = (Chebyshev.At(cell.ProductsSlope, t) - (about * Chebyshev.At(cell.WeightsSlope, t))) / s0 * (2 / level.CellWidth);
        double bound = (cell.Errors.Products + (Math.Abs(about) * cell.Errors.Weights)) / (s0 - cell.Errors.Weights);
        return new CurvePoint(cell.Level + about, s0 * s0 / squares, slope, bound, distance > SquareInGap);
    }

    /// <summary>Polynomials of a cell.</summary>
    public CellCurve Make(long id)
    {
        // An empty cell's values count from those of the nearest.
        int near = Array.BinarySearch(level.Ids, id);
        near = near >= 0 ? near : Math.Clamp(~near, 0, level.Count - 1);
        double from = level.Levels[near];
        double[] sums = new double[MomentSums.RowCount * K];
        SumErrors errors = _sums.At(id, from, withOwn: true, sums);
        double[][] polynomials = [.. Enumerable.Range(0, MomentSums.RowCount).Select(row =>
        {
            double[] polynomial = new double[K];
            CellBasis.Interpolate(sums.AsSpan(row * K, K), polynomial);
            return polynomial;
        })];
        double[] weightsSlope = new double[K];
        double[] productsSlope = new double[K];
        Chebyshev.Differentiate(polynomials[MomentSums.Weights], weightsSlope);
        Chebyshev.Differentiate(polynomials[MomentSums.Products], productsSlope);
        return new CellCurve(from, polynomials, weightsSlope, productsSlope, errors);
    }

    /// <summary>Sums in a cell.</summary>
    /// <param name="Level">What values count from.</param>
    /// <param name="Polynomials">The rows of <see cref="MomentSums"/>.</param>
    /// <param name="WeightsSlope">The derivative of S0 by the place in the cell.</param>
    /// <param name="ProductsSlope">That of Sy.</param>
    /// <param name="Errors">What the sums are off by anywhere in it.</param>
    internal sealed record CellCurve(
        double Level, double[][] Polynomials, double[] WeightsSlope, double[] ProductsSlope, SumErrors Errors);
}
