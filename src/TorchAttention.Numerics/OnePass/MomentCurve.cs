using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The curve anywhere, from moments: polynomials of a cell, made when the first query falls into it.</summary>
internal sealed class MomentCurve
{
    // Of a row three bandwidths away.
    private const double SquareInGap = 9;

    // Of rows at the query itself.
    private const double SquareAtPlace = 1e-6;

    // Where sums are known to less than this, weights by their ratios say more.
    private const double LeastKnown = 1e-8;

    // Of the weights, for the noise; and of its variance, taken for a slope.
    private const double LeastLeft = 0.01;
    private const double MostSteep = 0.9;

    private const double LeastKnownOfLines = 1e-4;

    private readonly MomentLevel _level;
    private readonly double _h;
    private readonly int _degree;
    private readonly double _meanWeight;
    private readonly MomentSums _sums;
    private readonly FarSums _far;
    private readonly CellCache<CellCurve> _cells;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="level">The moments.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="degree">0 for means, 1 for lines.</param>
    public MomentCurve(MomentLevel level, double h, int degree)
    {
        (_level, _h, _degree, _meanWeight) = (level, h, degree, level.MeanWeight);
        _sums = new MomentSums(level, h, degree, isCertified: true);
        _far = new FarSums(level, h, degree);
        _cells = new CellCache<CellCurve>(Make);
    }

    public CurvePoint At(double x)
    {
        long id = _level.CellOf(x);
        CellCurve cell = _cells.At(id);
        double t = _level.PlaceIn(id, x);
        var sums = LocalSums.AtPlace(cell.Polynomials, t, _degree);
        double d = sums.Denominator(_degree);
        (double ofD, _, double ofB) = cell.Errors.Of(_degree, sums.Sizes());
        if (!(d * (_degree == 0 ? LeastKnown : LeastKnownOfLines) > ofD))
        {
            // Lines from weights' ratios; at a place where all rows are it is their mean, and as many speak for it.
            bool isNear = sums.S0 * LeastKnown > cell.Errors.S0 && !(sums.S2 / sums.S0 > SquareInGap);
            double neighbours = isNear && sums.S2 < SquareAtPlace * sums.S0 ? sums.S0 * sums.S0 / sums.R0 / _meanWeight : double.NaN;
            return new CurvePoint(_far.At(x), neighbours, double.NaN, double.PositiveInfinity, !isNear);
        }

        double about = sums.Numerator(_degree) / d;
        double slope = _degree == 0 ? SlopeOfMeans(cell, t, about) / d : sums.Slope() / _h;
        double bound = (ofB + (Math.Abs(about) * ofD)) / (d - ofD);
        double many = d * d / sums.Squares(_degree) / _meanWeight;
        return new CurvePoint(cell.Level + about, many, slope, bound, sums.S2 / sums.S0 > SquareInGap)
        {
            Variance = VarianceOf(cell, t, sums, about),
        };
    }

    /// <summary>The noise's local variance at a place of a cell; NaN where too few rows speak.</summary>
    public double VarianceIn(CellCurve cell, double t)
    {
        var sums = LocalSums.AtPlace(cell.Polynomials, t, _degree);
        return VarianceOf(cell, t, sums, sums.Numerator(_degree) / sums.Denominator(_degree));
    }

    // The residuals' weighted squares about the mean, or the line, at the place, by what is left of the weights for them. Values that a
    // mean does not follow within the kernel are no noise.
    private double VarianceOf(CellCurve cell, double t, in LocalSums sums, double about)
    {
        double squares = Chebyshev.At(cell.Spread, t) - (about * sums.T0);
        double used = sums.R0 / sums.S0;
        double steep = 0;
        if (_degree == 0)
        {
            double slope = SlopeOfMeans(cell, t, about) / sums.S0 * _h;
            steep = slope * slope * sums.S2 / sums.S0;
        }
        else
        {
            squares += sums.Slope() * sums.T1;
            used = ((sums.S2 * sums.R0) - (Math.Sqrt(2) * sums.S1 * sums.R1) + (0.5 * sums.S0 * sums.R2)) / sums.Denominator(1);
        }

        double left = sums.S0 - (_meanWeight * used);
        double variance = Math.Max(0, squares / left);
        return left > LeastLeft * sums.S0 ? variance - Math.Min(steep, MostSteep * variance) : double.NaN;
    }

    /// <summary>Polynomials of a cell.</summary>
    public CellCurve Make(long id)
    {
        // An empty cell's values count from those of the nearest.
        int near = Array.BinarySearch(_level.Ids, id);
        near = near >= 0 ? near : Math.Clamp(~near, 0, _level.Count - 1);
        double from = _level.Levels[near];
        int terms = _level.K;
        double[] sums = new double[LocalSums.Rows * terms];
        SumErrors errors = _sums.At(id, from, OwnRows.All, sums);
        var basis = CellBasis.Proving(terms);
        double[][] polynomials = [.. Enumerable.Range(0, LocalSums.Rows).Select(row =>
        {
            double[] polynomial = new double[terms];
            basis.Interpolate(sums.AsSpan(row * terms, terms), polynomial);
            return polynomial;
        })];
        Span<double> spread = sums.AsSpan(0, terms);
        _sums.Spread(id, from, spread);
        double[] ofSpread = new double[terms];
        basis.Interpolate(spread, ofSpread);
        return new CellCurve(from, polynomials, ofSpread, errors);
    }

    // d (T0 / S0) / dx times S0: the sums' derivatives by the place in the cell.
    private double SlopeOfMeans(CellCurve cell, double t, double mean)
    {
        Span<double> derivative = stackalloc double[_level.K];
        Chebyshev.Differentiate(cell.Polynomials[LocalSums.FirstProduct], derivative);
        double ofProducts = Chebyshev.At(derivative, t);
        Chebyshev.Differentiate(cell.Polynomials[LocalSums.FirstWeight], derivative);
        return (ofProducts - (mean * Chebyshev.At(derivative, t))) * (2 / _level.CellWidth);
    }

    /// <summary>Sums in a cell.</summary>
    /// <param name="Level">What values count from.</param>
    /// <param name="Polynomials">The rows of <see cref="LocalSums"/>.</param>
    /// <param name="Spread">sum s K (y - Level)^2.</param>
    /// <param name="Errors">What the sums are off by anywhere in it.</param>
    internal sealed record CellCurve(double Level, double[][] Polynomials, double[] Spread, SumErrors Errors);
}
