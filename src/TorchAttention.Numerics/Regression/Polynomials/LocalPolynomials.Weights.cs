using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <content>What each key has of a value.</content>
internal sealed partial class LocalPolynomials
{
    // Below this part left by a key's own weight, what the others say is known to too few digits, and they are asked alone.
    private const double LeastLeft = 1e-3;

    /// <summary>
    /// The weights l of some keys in the value at a query, which is sum_i l_i v_i over all keys; 0 where no key has a weight for it.
    /// </summary>
    /// <param name="query">The query (d).</param>
    /// <param name="weights">Where they go.</param>
    /// <param name="first">The first of the keys.</param>
    public void HatWeights(ReadOnlySpan<double> query, Span<double> weights, int first = 0)
    {
        double[] found = new double[weights.Length];
        double[] asked = query.ToArray();
        var request = new PolynomialRequest(this, asked)
        {
            Fitted = (layout, system, _, offset) => ForEachKey(
                asked, first, found.Length, layout, offset, (i, powers, weight) => found[i] = weight * Dot(system.Weights, powers)),
        };
        Run(request, new Work(1, null, CancellationToken.None));
        found.CopyTo(weights);
    }

    /// <summary>
    /// The value of a column at a query without each of the keys in turn (n), by one fit: f - l_i e_i / (1 - g_i), with e_i the distance of
    /// the value from the query's polynomial at the key, and g_i the key's weight in that; NaN where no key has a weight for the query.
    /// </summary>
    /// <param name="query">The query (d).</param>
    /// <param name="column">The column.</param>
    public double[] LeavingOutEach(ReadOnlySpan<double> query, int column)
    {
        double[] values = [.. Enumerable.Repeat(double.NaN, Samples.Count)];
        double[] asked = query.ToArray();
        var doubtful = new List<int>();
        var request = new PolynomialRequest(this, asked) { Fitted = LeaveOut };
        Run(request, new Work(1, null, CancellationToken.None));
        if (doubtful.Count > 0)
        {
            double[] alone = new double[doubtful.Count * Columns];
            At<double>(
                [.. doubtful.SelectMany(_ => asked)], new PoolingOutput<double> { Values = alone }, NoNeighbourPolicy.Nearest,
                [.. doubtful]);
            foreach ((int k, int i) in doubtful.Index())
            {
                values[i] = alone[(k * Columns) + column];
            }
        }

        return values;

        void LeaveOut(PolynomialLayout layout, LocalSystem system, double[] row, double offset)
        {
            (double centre, double unit) = (Samples.Centres[column], Samples.HalfRanges[column]);
            double[] coefficients = new double[layout.Terms];
            double[] solution = new double[layout.Terms];
            system.Solve(row.AsSpan(layout.Values + (column * layout.ValueTerms), layout.Terms), coefficients);
            double fitted = system.Value(row, column);
            ForEachKey(asked, 0, Samples.Count, layout, offset, (i, powers, weight) =>
            {
                system.Solve(powers, solution);
                double left = 1 - (weight * Dot(solution, powers));
                if (left < LeastLeft)
                {
                    doubtful.Add(i);
                    return;
                }

                double residual = Samples.Normalised(i, column) - Dot(coefficients, powers);
                values[i] = centre + (unit * (fitted - (weight * Dot(system.Weights, powers) * residual / left)));
            });
        }
    }

    // Of some keys the powers of their distances from a query, and their weights there.
    private unsafe void ForEachKey(
        double[] query, int first, int count, PolynomialLayout layout, double offset, Action<int, double[], double> see)
    {
        double[] u = new double[Features];
        double[] powers = new double[layout.Terms];
        double[] widths = [.. Enumerable.Range(0, Features).Select(j => WidthAt(query, j))];
        double raised = offset * Math.Log(2);
        powers[0] = 1;
        for (int i = 0; i < count; i++)
        {
            double square = 0;
            for (int j = 0; j < Features; j++)
            {
                u[j] = (Samples.Keys[((long)(first + i) * Features) + j] - query[j]) / widths[j];
                square += u[j] * u[j];
            }

            for (int k = 1; k < powers.Length; k++)
            {
                powers[k] = powers[layout.Powers.Parents[k]] * u[layout.Powers.Factors[k]];
            }

            // Only a Gaussian's weights are raised.
            double weight = raised == 0 ? _kernel.Weight(square) : Math.Exp(Math.Min(0, raised - (square / 2)));
            see(i, powers, Samples.SampleWeight(first + i) * weight);
        }
    }

    private static double Dot(double[] coefficients, double[] powers)
    {
        double sum = 0;
        for (int k = 0; k < powers.Length; k++)
        {
            sum += coefficients[k] * powers[k];
        }

        return sum;
    }
}
