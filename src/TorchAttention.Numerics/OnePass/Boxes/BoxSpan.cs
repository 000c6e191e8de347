using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The directions that rows determine at some bandwidths, and those that all of them leave open: a feature that others add up to, as a
/// copy of one.
/// </summary>
internal sealed class BoxSpan
{
    // Rows looked at together; rows that determine all directions are found among the first few.
    private const int Some = 4096;
    private const int SomeBoxes = 1024;

    /// <summary>Of a half width's square: a spread below is what rounding leaves of none.</summary>
    public const double LeastSpread = 1e-14;

    // A spread that rounding leaves four digits or more.
    private const double WellKnown = 1e-8;

    private readonly double[] _open;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The rows.</param>
    /// <param name="h">The bandwidths (d).</param>
    public BoxSpan(BoxLevel level, double[] h)
    {
        var keys = PlaneKeys.Create([.. h.Select(at => 1 / at)], 1, level.Spanning, []);
        Rank = keys.LookForOpen() ? h.Length - keys.OpenCount : h.Length;
        _open = Rank == h.Length ? []
            : [.. h.SelectMany((_, j) => h.Select((_, k) => keys.Open(j, k)))];
    }

    /// <summary>How many directions the rows determine.</summary>
    public int Rank { get; }

    /// <summary>The projection (d, d), in bandwidths, on those that they leave open; empty where there are none.</summary>
    public ReadOnlySpan<double> Open => _open;

    /// <summary>Places (k, d) that determine as many directions as all rows.</summary>
    public static double[] SpanningOf(BoxLevel level)
    {
        int d = level.Features;
        var chosen = new List<double[]>();
        foreach (double[][] some in PlacesOf(level).Chunk(Some))
        {
            double[][] places = [.. chosen, .. some];
            var directions = new PlaneDirections(d);
            foreach (double[] place in places)
            {
                directions.Add(0, [.. place.Select((at, j) => (at - places[0][j]) / level.Widths[j])]);
            }

            directions.Find();
            chosen = [.. directions.Chosen.Select(i => places[i])];
            if (directions.Rank == d)
            {
                break;
            }
        }

        return [.. chosen.SelectMany(place => place)];
    }

    /// <summary>
    /// Whether the rows nearly leave a direction open (<see cref="ThinRows"/>), by those of a thousand boxes from everywhere.
    /// </summary>
    public static bool IsThin(BoxLevel level) =>
        ThinRows.Are(
            [.. PlacesOf(level, WellKnown, Math.Max(1, level.Count / SomeBoxes)).SelectMany(place => place)], level.Features);

    // Of a box of many rows their middle, and a place away from it along each direction that they spread in.
    private static IEnumerable<double[]> PlacesOf(BoxLevel level, double leastSpread = LeastSpread, int every = 1)
    {
        for (int box = 0; box < level.Count; box += every)
        {
            foreach (double[] row in level.Rows[box].Chunk(level.Fields))
            {
                yield return row[..level.Features];
            }

            if (level.HasLight(box))
            {
                foreach (double[] place in PlacesOf(level, box, leastSpread))
                {
                    yield return place;
                }
            }
        }
    }

    private static IEnumerable<double[]> PlacesOf(BoxLevel level, int box, double leastSpread)
    {
        int d = level.Features;
        double[] mean = [.. Enumerable.Range(0, d).Select(j => MeanOf([(j, 1)]))];
        double[][] root = new double[d][];
        for (int j = 0; j < d; j++)
        {
            root[j] = new double[d];
            for (int k = 0; k <= j; k++)
            {
                double square = k < j ? MeanOf([(j, 1), (k, 1)]) : (1 + MeanOf([(j, 2)])) / 2;
                double entry = square - (mean[j] * mean[k]);
                for (int l = 0; l < k; l++)
                {
                    entry -= root[j][l] * root[k][l];
                }

                root[j][k] = k == j ? Math.Sqrt(entry > leastSpread ? entry : 0) : root[k][k] > 0 ? entry / root[k][k] : 0;
            }
        }

        yield return At(mean);
        for (int along = 0; along < d; along++)
        {
            if (root[along][along] > 0)
            {
                yield return At([.. mean.Select((at, j) => at + root[j][along])]);
            }
        }

        // The mean of Chebyshev's polynomials of some features.
        double MeanOf((int Feature, int Degree)[] of)
        {
            int[] degrees = new int[d];
            foreach ((int feature, int degree) in of)
            {
                degrees[feature] = degree;
            }

            int term = Array.FindIndex(level.Terms.Degrees, have => have.AsSpan().SequenceEqual(degrees));
            double[] moments = level.Light[0].M;
            return moments[(box * level.Terms.Count) + term] / moments[box * level.Terms.Count];
        }

        double[] At(double[] t) => [.. t.Select((at, j) =>
        {
            double[] ends = level.Ends(level.Ids[box], j);
            return ends[0] + ((1 + at) / 2 * (ends[1] - ends[0]));
        })];
    }
}
