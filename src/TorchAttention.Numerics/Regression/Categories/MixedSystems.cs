using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// The systems of polynomials of several queries, a lane each, solved by the same steps and with the same terms left out as
/// <see cref="LocalSystem"/> solves one, of which the values alone are asked.
/// </summary>
/// <param name="layout">Where each sum stands.</param>
/// <param name="ridge">L.</param>
internal sealed class MixedSystems(PolynomialLayout layout, double ridge)
{
    // Element (i, j), i at least j, of the matrix and then of its factor; 1 over the pivots; the right side and then the solution.
    private readonly Vector256<double>[] _factor = new Vector256<double>[layout.Terms * layout.Terms];
    private readonly Vector256<double>[] _pivots = new Vector256<double>[layout.Terms];
    private readonly Vector256<double>[] _inverses = new Vector256<double>[layout.Terms];
    private readonly Vector256<double>[] _solution = new Vector256<double>[layout.Terms];
    private readonly int[] _products =
        [.. Enumerable.Range(0, layout.Terms * layout.Terms).Select(at => layout.Product(at / layout.Terms, at % layout.Terms))];

    /// <summary>The values; those of a query whose sum of weights is 0 say nothing.</summary>
    /// <param name="sums">Each sum of these queries.</param>
    /// <param name="inverseLargest">1 over what their weights are relative to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Vector256<double> Values(ReadOnlySpan<Vector256<double>> sums, Vector256<double> inverseLargest)
    {
        int terms = _pivots.Length;
        Vector256<double> held = ridge == 0 ? Vector256<double>.Zero : Vector256.Create(ridge) * inverseLargest;
        var most = Vector256.Create(MixedPolynomials.MostOfRidge);
        Vector256<double> isConstant = Vector256.GreaterThan(held, most);
        held = Vector256.Min(held, most);
        var least = Vector256.Create(ridge > 0 ? 0 : LocalSystem.LeastPivot);
        for (int j = 0; j < terms; j++)
        {
            Vector256<double> diagonal = sums[_products[(j * terms) + j]] + (j > 0 ? held : Vector256<double>.Zero);
            Vector256<double> pivot = diagonal;
            Vector256<double> right = sums[layout.Values + j];
            for (int k = 0; k < j; k++)
            {
                Vector256<double> element = _factor[(j * terms) + k];
                pivot -= element * element * _pivots[k];
                right -= element * _solution[k];
            }

            Vector256<double> isIn = Vector256.GreaterThan(pivot, least * diagonal);
            isIn = j > 0 ? Vector256.AndNot(isIn, isConstant) : isIn;
            _pivots[j] = pivot & isIn;
            _inverses[j] = (Vector256<double>.One / pivot) & isIn;
            _solution[j] = right & isIn;
            for (int i = j + 1; i < terms; i++)
            {
                Vector256<double> element = sums[_products[(i * terms) + j]];
                for (int k = 0; k < j; k++)
                {
                    element -= _factor[(i * terms) + k] * _factor[(j * terms) + k] * _pivots[k];
                }

                _factor[(i * terms) + j] = element * _inverses[j];
            }
        }

        for (int i = terms - 1; i >= 0; i--)
        {
            Vector256<double> sum = _solution[i] * _inverses[i];
            for (int k = i + 1; k < terms; k++)
            {
                sum -= _factor[(k * terms) + i] * _solution[k];
            }

            _solution[i] = sum;
        }

        return _solution[0];
    }
}
