using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>
/// Fits a polynomial to the links of the means near one query after another, by Newton's method: beta of the largest
/// sum_i w_i l(y_i, z_i' beta) - (R / 2) sum_k beta_k^2 over all powers k but the constant, with w_i = s_i K(u_i).
/// </summary>
/// <remarks>
/// A step that does not raise the sum is halved. Where values of one kind alone are in reach the sum has no largest one, and the constant
/// is at its bound.
/// </remarks>
internal sealed partial class LikelihoodPass : IDisposable
{
    // As local polynomials have them: from so far on a Gaussian's weights are relative to the nearest key's, and so much further keys
    // count.
    private const double FarSquare = 600;
    private const double ReachSquare = 90;

    private const double LeastGain = 1e-10;
    private const double PerfectPart = 1e-9;
    private const double Rounding = 1e-13;
    private const int MostSteps = 100;
    private const int MostHalvings = 40;

    // In bandwidths; farther away a polynomial says less than the mean does.
    private const double MostMoved = 0.5;

    private readonly LikelihoodProblem _problem;
    private readonly PolynomialLayout _layout;
    private readonly LocalSystem _system;
    private readonly double[] _row;
    private readonly double[] _gradient;
    private readonly double[] _beta;
    private readonly double[] _trial;
    private readonly double[] _step;
    private readonly double[][] _powers;
    private double[] _weights = [];
    private double[] _values = [];
    private double _place = double.NaN;
    private int _count;
    private bool _isConstant;
    private double _weight;
    private double _valueSum;

    public LikelihoodPass(LikelihoodProblem problem)
    {
        _problem = problem;
        _layout = new PolynomialLayout(problem.Data.Features, 0, problem.Degree, hasSquares: true, hasGradient: false, isOwnSlope: true);
        _system = new LocalSystem(_layout, problem.Ridge);
        _row = new double[_layout.Length];
        _powers = [.. Enumerable.Repeat(Array.Empty<double>(), _layout.WeightTerms)];
        (_gradient, _beta, _trial, _step) =
            (new double[_layout.Terms], new double[_layout.Terms], new double[_layout.Terms], new double[_layout.Terms]);
    }

    /// <summary>The link of the mean at the query, within its bounds; NaN without neighbours.</summary>
    public double Eta { get; private set; }

    /// <summary>Whether an example has a weight.</summary>
    public bool HasNeighbour => _count > 0;

    /// <summary>Whether values of one kind alone are in reach: 0 alone, or 1 alone.</summary>
    public bool IsOfOneKind { get; private set; }

    /// <summary>Whether the examples leave a slope open.</summary>
    public bool IsLevel => !IsOfOneKind && _problem is { Degree: > 0, Ridge: 0 } && _system.IsLevel;

    /// <summary>(sum w)^2 / sum w^2.</summary>
    public double Neighbours { get; private set; }

    /// <summary>sum w u^2 / sum w.</summary>
    public double MeanSquare { get; private set; }

    /// <summary>The variance of eta; after <see cref="Judge"/>.</summary>
    public double Variance => _system.SquaredWeights(_row);

    /// <summary>By how much eta moves with the value of an example of weight 1 at the query; after <see cref="Judge"/>.</summary>
    public double Influence => _system.Weights[0] * _problem.Kernel.Weight(0);

    /// <summary>The derivative of eta by a feature.</summary>
    public double Slope(int feature) => IsOfOneKind ? 0 : _beta[1 + feature] / _problem.Bandwidths[feature];

    public void Dispose()
    {
    }

    /// <summary>Begins anew: the next fit starts from its own mean, and not from the query before.</summary>
    public void Begin() => _place = double.NaN;

    /// <summary>Fits.</summary>
    /// <param name="query">The query (d).</param>
    /// <param name="leftOut">The example that it must not see; -1 for none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fit(ReadOnlySpan<double> query, int leftOut = -1)
    {
        _isConstant = Gather(query, leftOut) && _problem.Ridge > 0;
        (Eta, IsOfOneKind) = (double.NaN, false);
        if (!HasNeighbour)
        {
            return;
        }

        ResponseFamily family = _problem.Family;
        double start = family.Link(_valueSum / _weight);
        IsOfOneKind = !(_problem.Bounded(start) == start);
        Eta = _problem.Bounded(double.IsNaN(start) ? _problem.Centre + LikelihoodProblem.MostEta : start);
        if (!IsOfOneKind)
        {
            if (!MoveTo(query[0]))
            {
                Array.Clear(_beta);
                _beta[0] = start;
            }

            Climb();
            Eta = _problem.Bounded(_beta[0]);
        }

        _place = IsOfOneKind || query.Length > 1 ? double.NaN : query[0];
    }

    // The polynomial of the query before, as one around this query: of one feature a neighbour's is nearly this one's.
    private bool MoveTo(double place)
    {
        double moved = (place - _place) / _problem.Bandwidths[0];
        if (!(Math.Abs(moved) < MostMoved))
        {
            return false;
        }

        for (int last = 0; last < _beta.Length - 1; last++)
        {
            for (int k = _beta.Length - 2; k >= last; k--)
            {
                _beta[k] += moved * _beta[k + 1];
            }
        }

        return true;
    }

    /// <summary>Sums what says how far eta may be off.</summary>
    public void Judge()
    {
        Sum(_beta, hasSquares: true);
        _system.Factor(_row, _isConstant);
    }

    private void Climb()
    {
        double height = Sum(_beta, hasSquares: false);
        for (int steps = 0; steps < MostSteps; steps++)
        {
            _system.Factor(_row, _isConstant);
            _system.Solve(_gradient, _step);
            double gain = 0;
            for (int k = 0; k < _step.Length; k++)
            {
                gain += _gradient[k] * _step[k];
            }

            // What the last step leaves is the square of what it gains.
            if (!(gain > LeastGain * _weight))
            {
                for (int k = 0; k < _step.Length && gain > 0; k++)
                {
                    _beta[k] += _step[k];
                }

                return;
            }

            bool isHigher = false;
            double part = 1;
            for (int halvings = 0; halvings < MostHalvings && !isHigher; halvings++, part /= 2)
            {
                for (int k = 0; k < _step.Length; k++)
                {
                    _trial[k] = _beta[k] + (part * _step[k]);
                }

                double there = Sum(_trial, hasSquares: false);
                isHigher = there >= height - (Rounding * Math.Abs(height));
                height = isHigher ? there : height;
            }

            if (!isHigher)
            {
                return;
            }

            _trial.CopyTo(_beta, 0);

            // Values that a polynomial tells apart have no steepest one.
            if (_problem.Family == ResponseFamily.Binomial && -height < PerfectPart * _weight)
            {
                return;
            }
        }
    }

    // The sum that is to be large, its gradient, and what its second derivatives are made of.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Sum(double[] beta, bool hasSquares)
    {
        (int terms, int all) = (_layout.Terms, _layout.WeightTerms);
        ResponseFamily family = _problem.Family;
        Span<Vector256<double>> scores = stackalloc Vector256<double>[terms];
        Span<Vector256<double>> products = stackalloc Vector256<double>[all];
        Span<Vector256<double>> squares = stackalloc Vector256<double>[hasSquares ? all : 0];
        Vector256<double> heights = Vector256<double>.Zero;
        for (int i = 0; i < _count; i += Vector256<double>.Count)
        {
            Vector256<double> eta = Vector256<double>.Zero;
            for (int k = 0; k < terms; k++)
            {
                eta += beta[k] * Four(_powers[k], i);
            }

            (Vector256<double> mean, Vector256<double> normaliser) = family.At(eta);
            Vector256<double> weight = Four(_weights, i);
            Vector256<double> value = Four(_values, i);
            Vector256<double> information = weight * family.Variance(mean);
            Vector256<double> score = weight * (value - mean);
            heights += weight * ((value * eta) - normaliser);
            for (int k = 0; k < terms; k++)
            {
                scores[k] += score * Four(_powers[k], i);
            }

            for (int k = 0; k < all; k++)
            {
                products[k] += information * Four(_powers[k], i);
            }

            for (int k = 0; k < squares.Length; k++)
            {
                squares[k] += weight * information * Four(_powers[k], i);
            }
        }

        for (int k = 0; k < all; k++)
        {
            _row[k] = Vector256.Sum(products[k]);
        }

        for (int k = 0; k < squares.Length; k++)
        {
            _row[_layout.Squares + k] = Vector256.Sum(squares[k]);
        }

        double height = Vector256.Sum(heights);
        for (int k = 0; k < terms; k++)
        {
            double held = k == 0 ? 0 : _problem.Ridge;
            height -= held / 2 * beta[k] * beta[k];
            _gradient[k] = Vector256.Sum(scores[k]) - (held * beta[k]);
        }

        return double.IsNaN(height) ? double.NegativeInfinity : height;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Four(double[] numbers, int first) => Vector256.LoadUnsafe(ref numbers[0], (nuint)first);
}
